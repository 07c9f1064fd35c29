"""Checks before an engine is asked: requests beyond the limits, unknown tokens, and more GPUs than Ray has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import ray

from rise_core.config.engine_keys import Engine
from rise_core.engine.batches import RequestBatch
from rise_core.errors import UserError
from rise_core.records import SampleRequest, SamplingSettings

_MAX_SEED = 2**63 - 1  # torch's generators take an int64


def check_requests(requests: Sequence[SampleRequest], settings: SamplingSettings, max_model_len: int) -> None:
    """Check the lengths, seeds and settings of requests.

    Args:
        max_model_len: Longest prompt and response together, in tokens.

    Raises:
        UserError: Names the first request beyond a limit, with the lengths.
    """
    if not 0 < settings.top_p <= 1:
        raise UserError(f"config: top_p = {settings.top_p:g} must be above 0 and at most 1")
    for position, request in enumerate(requests):
        length = len(request.prompt_ids)
        total = length + settings.max_new_tokens
        if total > max_model_len:
            raise UserError(
                f"request {position}: a prompt of {length} tokens and max_new_tokens = {settings.max_new_tokens} "
                f"make {total}, above engine.max_model_len = {max_model_len}: "
                "raise that, or lower the response length, dialogue.window or the number of turns"
            )
        if length == 0:
            raise UserError(f"request {position}: its prompt is empty")
        if request.n < 1 or not 0 <= request.seed <= _MAX_SEED - request.n:
            raise UserError(f"request {position}: n = {request.n} or seed = {request.seed} is out of range")


def check_tokens(batch: RequestBatch, vocabulary_size: int) -> None:
    """Raise UserError for a prompt with a token outside the model's vocabulary: the token would crash the engine."""
    unknown = (batch.prompts.ids < 0) | (batch.prompts.ids >= vocabulary_size)
    if unknown.any():
        first = int(unknown.argmax())
        request = int(np.searchsorted(batch.prompts.ends, first, side="right"))
        raise UserError(
            f"request {request}: token {int(batch.prompts.ids[first])} of its prompt is outside the model's vocabulary "
            f"of {vocabulary_size}; the tokenizer does not belong to the model"
        )


def check_gpus(config: Engine, beside: Engine | None = None) -> None:
    """Raise UserError when Ray has too few GPUs for the engines: their start would wait for ever.

    Args:
        config: The engines to start.
        beside: For a teacher's engines: the learner's engines, with GPUs of their own at the same time.
    """
    needed, available = config.gpus * config.replicas, ray.cluster_resources().get("GPU", 0.0)
    if needed > available:
        prefix = "teacher." if beside else ""
        raise UserError(
            f"config: {prefix}engine.gpus = {config.gpus:g} for {config.replicas} engines needs {needed:g} GPUs, "
            f"but Ray has {available:g}; {prefix}engine.gpus = 0 samples on the CPU"
        )
    held = beside.gpus * beside.replicas if beside else 0.0
    if config.gpus and needed + held > available:
        raise UserError(
            f"config: teacher.engine.gpus needs {needed:g} GPUs beside the learner's {held:g}, but Ray has "
            f"{available:g}; give both a share below 1, or serve the teacher elsewhere and set teacher.base_url"
        )

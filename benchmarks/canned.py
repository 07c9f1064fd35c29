"""A synthetic engine actor, for driver_memory.py only: it answers at once, with tokens that nobody sampled."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from rise_core.engine.actor import EngineInfo
from rise_core.engine.batches import CompletionBatch, Ragged, RequestBatch
from rise_core.engine.settings import EngineSpec
from rise_core.records import Checkpoint, SamplingSettings

RESPONSE = 24  # tokens, the stop token included


class Canned:
    """The methods of rise_core.engine.actor.EngineActor, without an engine."""

    def __init__(self, cores: tuple[int, ...]) -> None:
        self.vocabulary = 0

    def start(self, spec: EngineSpec, checkpoint: Checkpoint) -> EngineInfo:
        config = json.loads((Path(checkpoint.weights_dir) / "config.json").read_text())
        self.vocabulary = int(config["vocab_size"])
        return EngineInfo(os.getpid(), 0, self.vocabulary)

    def sample(self, batch: RequestBatch, settings: SamplingSettings) -> CompletionBatch:
        """RESPONSE tokens for every response, drawn from the request's seed."""
        count = int(batch.n.sum())
        random = np.random.default_rng(int(batch.seeds[0]))
        ids = random.integers(4, self.vocabulary, (count, RESPONSE), dtype=np.int32)
        ids[:, -1] = settings.stop_token_ids[0]
        ends = np.arange(1, count + 1, dtype=np.int64) * RESPONSE
        return CompletionBatch(Ragged(ids.ravel(), ends), np.zeros(count, np.uint8), np.zeros(count, np.float32))

    def use(self, checkpoint: Checkpoint) -> None: ...

    def sleep(self) -> None: ...

    def wake(self) -> None: ...

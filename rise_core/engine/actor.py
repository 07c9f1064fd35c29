"""The Ray actor around an engine. Ray calls the actor in several threads; the engine thread does the work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from rise_core.engine import vllm_calls
from rise_core.engine.batches import CompletionBatch, RequestBatch
from rise_core.engine.engine_thread import EngineThread
from rise_core.engine.settings import EngineSpec
from rise_core.records import Checkpoint, SamplingSettings


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Facts about a started engine."""

    pid: int
    thread_id: int  # the kernel's number of the engine thread
    vocabulary_size: int


class EngineActor:
    """An engine with the current checkpoint. Errors travel back to the caller."""

    def __init__(self, cores: tuple[int, ...]) -> None:
        """Begin to import vLLM.

        Args:
            cores: Cores to run on; empty: any core.
        """
        self._thread = EngineThread(cores)
        self._weights_dir = ""
        self._lora: Any = None
        self._num_adapters = 0  # loaded since the start

    def start(self, spec: EngineSpec, checkpoint: Checkpoint) -> EngineInfo:
        """Build the engine and load the first checkpoint's adapter. Blocks until the engine is up."""
        self._thread.build(spec)
        self._weights_dir = spec.arguments["model"]
        self.use(checkpoint)
        size = self._thread.submit_command(lambda engine: engine.vllm_config.model_config.get_vocab_size()).result()
        return EngineInfo(os.getpid(), self._thread.thread_id, int(size))

    def sample(self, batch: RequestBatch, settings: SamplingSettings) -> CompletionBatch:
        """Sample a shard with the current checkpoint. Blocks."""
        return self._thread.submit(batch, settings, self._lora).result()

    def use(self, checkpoint: Checkpoint) -> None:
        """Serve another checkpoint. Blocks until earlier shards are done and the weights are loaded."""
        self._thread.submit_command(lambda engine: self._load(engine, checkpoint)).result()

    def sleep(self) -> None:
        """Move the weights to main memory and drop the cache: frees the GPU."""
        self._thread.submit_command(lambda engine: engine.sleep(level=1)).result()

    def wake(self) -> None:
        """Move the weights back to the GPU."""
        self._thread.submit_command(lambda engine: engine.wake_up()).result()

    def _load(self, engine: Any, checkpoint: Checkpoint) -> None:
        if checkpoint.weights_dir != self._weights_dir:
            engine.collective_rpc(vllm_calls.reload_weights, args=(checkpoint.weights_dir,))
            self._weights_dir = checkpoint.weights_dir
        self._lora = None
        if checkpoint.adapter_dir:
            self._num_adapters += 1
            self._lora = vllm_calls.add_adapter(engine, checkpoint, self._num_adapters)
        if not engine.reset_prefix_cache():
            raise RuntimeError("the prefix cache could not be emptied, so stale blocks would be served")

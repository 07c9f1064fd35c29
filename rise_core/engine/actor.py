"""The Ray actor around one engine: it takes calls in several threads and hands them to the engine's own thread."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from rise.core.engine.batches import CompletionBatch, RequestBatch
from rise.core.engine.engine_thread import EngineLoop
from rise.core.engine.settings import EngineSpec
from rise.core.engine.weight_reload import reload_weights
from rise.core.records import Checkpoint, SamplingSettings


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What a started engine says about itself."""

    pid: int
    thread: int  # of the engine's loop, as the kernel numbers it
    vocabulary: int


class EngineActor:
    """One engine with its current checkpoint. Made by rise.core.engine.replica; errors travel back to the caller."""

    def __init__(self, cores: tuple[int, ...]) -> None:
        """Begin to import vLLM, to run on `cores` (none: wherever the kernel likes)."""
        self.loop = EngineLoop(cores)
        self.weights_dir = ""
        self.lora: Any = None
        self.adapters = 0

    def ready(self, spec: EngineSpec, checkpoint: Checkpoint) -> EngineInfo:
        """Build the engine; wait for it and for the first checkpoint's adapter."""
        self.loop.build(spec)
        self.weights_dir = spec.arguments["model"]
        self.use(checkpoint)
        vocabulary = self.loop.command(lambda engine: engine.vllm_config.model_config.get_vocab_size()).result()
        return EngineInfo(os.getpid(), self.loop.thread.native_id or 0, int(vocabulary))

    def sample(self, batch: RequestBatch, settings: SamplingSettings) -> CompletionBatch:
        return self.loop.submit(batch, settings, self.lora).result()

    def use(self, checkpoint: Checkpoint) -> None:
        """Serve another checkpoint: new weights in place, and a new adapter under a name and id never used before (the
        engine would serve the old adapter, and its cache blocks, under a known one)."""
        self.loop.command(lambda engine: self.swap(engine, checkpoint)).result()

    def swap(self, engine: Any, checkpoint: Checkpoint) -> None:
        if checkpoint.weights_dir != self.weights_dir:
            engine.collective_rpc(reload_weights, args=(checkpoint.weights_dir,))
            self.weights_dir = checkpoint.weights_dir
        self.lora = self.load_adapter(engine, checkpoint) if checkpoint.adapter_dir else None
        if not engine.reset_prefix_cache():
            raise RuntimeError("the prefix cache could not be emptied, so stale blocks would be served")

    def load_adapter(self, engine: Any, checkpoint: Checkpoint) -> Any:
        from vllm.lora.request import LoRARequest

        self.adapters += 1
        lora = LoRARequest(f"{checkpoint.checkpoint_id}-{self.adapters}", self.adapters, checkpoint.adapter_dir)
        engine.add_lora(lora)  # now, so that a bad adapter is this call's error and not the next shard's
        return lora

    def sleep(self) -> None:
        """Move the weights to main memory and drop the cache, to free the GPU."""
        self.loop.command(lambda engine: engine.sleep(level=1)).result()

    def wake(self) -> None:
        self.loop.command(lambda engine: engine.wake_up()).result()

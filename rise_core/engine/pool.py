"""The pool of engines: one call samples a shard, whichever engine has the fewest shards serves it.

    with EnginePool(config.engine, config.model, checkpoint, lora_rank=None, seed=0, name=run) as pool:
        completions = pool.sample(requests, settings)
        pool.use(next_checkpoint)

Ray must be connected (rise.core.cluster). The engines live until `close`, or until the driver dies.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from rise.core.config.engine_keys import Engine
from rise.core.config.keys import Model
from rise.core.engine.batches import RequestBatch
from rise.core.engine.replica import Replica, Spare
from rise.core.engine.request_checks import check_gpus, check_requests, check_tokens
from rise.core.engine.settings import EngineSpec, cores_of, engine_arguments
from rise.core.errors import EngineClosed, EngineError, EngineLost, UserError
from rise.core.records import Checkpoint, Completion, SampleRequest, SamplingSettings

log = logging.getLogger(__name__)


class EnginePool:
    """Replicas of one model. All methods are thread-safe; every wait has a deadline and ends in an EngineError."""

    def __init__(
        self,
        config: Engine,
        model: Model,
        checkpoint: Checkpoint,
        *,
        lora_rank: int | None,
        seed: int,
        name: str = "rise",
        spare: Spare | None = None,
    ) -> None:
        """Start the engines in parallel.

        Args:
            name: Prefix of the actors' names: a run or a flow run.
            spare: Gives actors that were started before the pool; see `Spare`.

        Raises:
            UserError: Settings that cannot work.
            EngineError: An engine that does not start.
        """
        arguments = engine_arguments(config, model, checkpoint, lora_rank=lora_rank, seed=seed)
        check_gpus(config)
        self.config = config
        self.checkpoint = checkpoint
        self.with_lora = lora_rank is not None
        self.check_checkpoint(checkpoint)
        self.changed = threading.Condition()
        self.exclusive = False
        self.closed = False
        self.replicas = [
            Replica(f"{name}-engine-{index}", config, EngineSpec(arguments, cores_of(config, index)), spare)
            for index in range(config.replicas)
        ]
        self.apply(checkpoint)
        self.vocabulary = min(replica.info.vocabulary for replica in self.replicas if replica.info)

    def __enter__(self) -> EnginePool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def sample(self, requests: Sequence[SampleRequest], settings: SamplingSettings) -> list[list[Completion]]:
        """The completions of every request, in order; each has `n`, ordered by sample. Blocks.

        An engine that dies meanwhile is replaced and the shard is sent once more. Raises UserError for a request that
        cannot be served, EngineError when no engine answers within `engine.timeout` seconds.
        """
        if not requests:
            return []
        check_requests(requests, settings, self.config.max_model_len)
        batch = RequestBatch.pack(requests)
        check_tokens(batch, self.vocabulary)
        try:
            return self.attempt(batch, settings)
        except EngineLost as error:
            log.warning("%s; its shard of %d requests is sent again", error, len(requests))
            return self.attempt(batch, settings)

    def attempt(self, batch: RequestBatch, settings: SamplingSettings) -> list[list[Completion]]:
        with self.shard() as replica:
            replica.ensure(self.checkpoint)
            return list(replica.call("sample", batch, settings).unpack(batch.n))

    def use(self, checkpoint: Checkpoint) -> None:
        """Serve another checkpoint from now on: waits for the shards in flight, then swaps weights in the live engines.
        The checkpoint that is served already costs nothing."""
        if checkpoint == self.checkpoint:
            return
        self.check_checkpoint(checkpoint)
        with self.alone("use"):
            self.apply(checkpoint)
            self.checkpoint = checkpoint

    def release(self) -> None:
        """Free the engines' GPUs, before training. Nothing to do on the CPU, where an idle engine uses no time."""
        if self.config.gpus > 0:
            with self.alone("release"):
                self.everywhere("sleep")

    def resume(self) -> None:
        """Take the GPUs back, after training."""
        if self.config.gpus > 0:
            with self.alone("resume"):
                self.everywhere("wake")

    def close(self) -> None:
        """End the engines. Calls that wait for them fail."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        for replica in self.replicas:
            replica.kill()

    @contextmanager
    def shard(self) -> Iterator[Replica]:
        """Book a shard on the engine with the fewest; waits while weights are being swapped."""
        with self.changed:
            self.wait_until(lambda: not self.exclusive, "sample")
            replica = min(self.replicas, key=lambda candidate: (candidate.in_flight, candidate.actor is None))
            replica.in_flight += 1
        try:
            yield replica
        finally:
            with self.changed:
                replica.in_flight -= 1
                self.changed.notify_all()

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Wait for the shards in flight and keep new ones out."""
        with self.changed:
            self.wait_until(lambda: not self.exclusive, what)
            self.exclusive = True
        try:
            with self.changed:
                self.wait_until(lambda: not any(replica.in_flight for replica in self.replicas), what)
            yield
        finally:
            with self.changed:
                self.exclusive = False
                self.changed.notify_all()

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        timeout = self.config.timeout
        if not self.changed.wait_for(lambda: self.closed or holds(), timeout):
            busy = {replica.name: replica.in_flight for replica in self.replicas}
            raise EngineError(f"{what}() waited {timeout:.0f} s for the other calls to the engines; shards: {busy}")
        if self.closed:
            raise EngineClosed(f"{what}(): the engines are closed")

    def apply(self, checkpoint: Checkpoint) -> None:
        """Bring every engine to a checkpoint, side by side; engines that are gone are started with it."""
        begun = time.monotonic()
        try:
            calls = [
                (replica, replica.send("use", checkpoint) if replica.actor else replica.launch(checkpoint))
                for replica in self.replicas
            ]
            for replica, call in calls:
                if call.what == "ready":
                    replica.settle(call, begun + self.config.start_timeout)
                else:
                    replica.wait(call, begun + self.config.timeout)
        except BaseException:
            # Some engines may hold the new checkpoint and some the old one: all start anew, with the old one.
            for replica in self.replicas:
                replica.kill()
            raise

    def everywhere(self, method: str) -> None:
        calls = [(replica, replica.send(method)) for replica in self.replicas if replica.actor]
        for replica, call in calls:
            replica.wait(call, call.sent + self.config.timeout)

    def check_checkpoint(self, checkpoint: Checkpoint) -> None:
        if checkpoint.adapter_dir and not self.with_lora:
            raise UserError(
                f"checkpoint {checkpoint.checkpoint_id} is an adapter, but the engines were started without LoRA"
            )
        for folder in filter(None, (checkpoint.weights_dir, checkpoint.adapter_dir)):
            if not any(Path(folder).glob("*.safetensors")):
                raise UserError(f"checkpoint {checkpoint.checkpoint_id}: no .safetensors file in {folder}")

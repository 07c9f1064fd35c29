"""The pool of engines. A call samples a shard on the engine with the fewest shards.

    with EnginePool(config.engine, config.model, checkpoint, lora_rank=None, seed=0, name=run) as pool:
        completions = pool.sample(requests, settings)
        pool.use(next_checkpoint)

Ray must be connected (rise_core.cluster). The engines live until `close`, or until the driver dies.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rise_core.config.engine_keys import Engine
from rise_core.config.keys import Model
from rise_core.engine.batches import RequestBatch
from rise_core.engine.replica import Replica, Spare
from rise_core.engine.request_checks import check_gpus, check_requests, check_tokens
from rise_core.engine.settings import EngineSpec, cores_of, engine_arguments
from rise_core.errors import EngineClosed, EngineError, EngineLost, UserError
from rise_core.records import Checkpoint, Completion, SampleRequest, SamplingSettings

_log = logging.getLogger(__name__)


class EnginePool:
    """Engines with the same checkpoint. Thread-safe; every wait has a deadline and ends in an EngineError."""

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
        """Start the engines in parallel. Blocks until all are up.

        Args:
            lora_rank: Rank of the adapters to serve; None: no adapters.
            name: Prefix of the actors' names: a run or a flow run.
            spare: Gives actors started before the pool; see `Spare`.

        Raises:
            UserError: Impossible settings.
            EngineError: An engine does not start.
        """
        arguments = engine_arguments(config, model, checkpoint, lora_rank=lora_rank, seed=seed)
        check_gpus(config)
        self.config = config
        self.checkpoint = checkpoint
        self._serves_adapters = lora_rank is not None
        self._check_checkpoint(checkpoint)
        self._changed = threading.Condition()  # guards the next two, and every replica's `in_flight`
        self._is_exclusive = False
        self._is_closed = False
        self.replicas = [
            Replica(f"{name}-engine-{index}", config, EngineSpec(arguments, cores_of(config, index)), spare)
            for index in range(config.replicas)
        ]
        self._load(checkpoint)
        self._vocabulary_size = min(replica.info.vocabulary_size for replica in self.replicas if replica.info)

    def __enter__(self) -> EnginePool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sample(self, requests: Sequence[SampleRequest], settings: SamplingSettings) -> list[list[Completion]]:
        """Sample a shard. Blocks. A dead engine is replaced, and the shard is sent once more.

        Returns:
            Completions [requests][n], in the order of the requests, then by sample.

        Raises:
            UserError: A request beyond the engines' limits.
            EngineError: No engine answered within `engine.timeout` seconds, or two in a row failed.
        """
        if not requests:
            return []
        check_requests(requests, settings, self.config.max_model_len)
        batch = RequestBatch.pack(requests)
        check_tokens(batch, self._vocabulary_size)
        try:
            return self._sample_once(batch, settings)
        except EngineLost as error:
            _log.warning("%s; its shard of %d requests is sent again", error, len(requests))
            return self._sample_once(batch, settings)

    def use(self, checkpoint: Checkpoint) -> None:
        """Serve another checkpoint: wait for the shards in flight, then swap the weights in the live engines.

        Does nothing for the current checkpoint. After an EngineError every engine starts again with the earlier one.

        Raises:
            UserError: A checkpoint without weights, or an adapter for engines without LoRA.
            EngineError: An engine failed, or did not answer in time.
        """
        if checkpoint == self.checkpoint:
            return
        self._check_checkpoint(checkpoint)
        with self._exclusive("use"):
            self._load(checkpoint)
            self.checkpoint = checkpoint

    def release(self) -> None:
        """Free the engines' GPUs before training. Does nothing on the CPU, where an idle engine uses no time."""
        if self.config.gpus > 0:
            with self._exclusive("release"):
                self._run_on_all("sleep")

    def resume(self) -> None:
        """Take the GPUs back after training."""
        if self.config.gpus > 0:
            with self._exclusive("resume"):
                self._run_on_all("wake")

    def close(self) -> None:
        """End the engines. Waiting calls and later ones raise EngineClosed or EngineLost."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for replica in self.replicas:
            replica.kill()

    def _sample_once(self, batch: RequestBatch, settings: SamplingSettings) -> list[list[Completion]]:
        with self._booked_replica() as replica:
            replica.start_if_dead(self.checkpoint)
            return list(replica.run("sample", batch, settings).unpack(batch.n))

    @contextmanager
    def _booked_replica(self) -> Iterator[Replica]:
        """Book a shard on the engine with the fewest. Waits while weights are being swapped."""
        with self._changed:
            self._wait_until(lambda: not self._is_exclusive, "sample")
            replica = min(self.replicas, key=lambda candidate: (candidate.in_flight, candidate.actor is None))
            replica.in_flight += 1
        try:
            yield replica
        finally:
            with self._changed:
                replica.in_flight -= 1
                self._changed.notify_all()

    @contextmanager
    def _exclusive(self, method: str) -> Iterator[None]:
        """Wait for the shards in flight and hold new ones back. `method` names the waiting call in errors."""
        with self._changed:
            self._wait_until(lambda: not self._is_exclusive, method)
            self._is_exclusive = True
        try:
            with self._changed:
                self._wait_until(lambda: not any(replica.in_flight for replica in self.replicas), method)
            yield
        finally:
            with self._changed:
                self._is_exclusive = False
                self._changed.notify_all()

    def _wait_until(self, condition: Callable[[], bool], method: str) -> None:
        timeout = self.config.timeout
        if not self._changed.wait_for(lambda: self._is_closed or condition(), timeout):
            busy = {replica.name: replica.in_flight for replica in self.replicas}
            raise EngineError(f"{method}() waited {timeout:.0f} s for the other calls to the engines; shards: {busy}")
        if self._is_closed:
            raise EngineClosed(f"{method}(): the engines are closed")

    def _load(self, checkpoint: Checkpoint) -> None:
        """Bring every engine to a checkpoint, in parallel; start dead engines with the checkpoint."""
        try:
            calls = [(replica, replica.submit_load(checkpoint)) for replica in self.replicas]
            for replica, call in calls:
                replica.await_load(call)
        except BaseException:
            # Some engines may hold the new checkpoint and some the old one: all start again, with the old one.
            for replica in self.replicas:
                replica.kill()
            raise

    def _run_on_all(self, method: str) -> None:
        """Call a method of every live engine, in parallel."""
        calls = [(replica, replica.submit(method)) for replica in self.replicas if replica.actor]
        for replica, call in calls:
            replica.await_result(call)

    def _check_checkpoint(self, checkpoint: Checkpoint) -> None:
        if checkpoint.adapter_dir and not self._serves_adapters:
            raise UserError(
                f"checkpoint {checkpoint.checkpoint_id} is an adapter, but the engines were started without LoRA"
            )
        for folder in filter(None, (checkpoint.weights_dir, checkpoint.adapter_dir)):
            if not any(Path(folder).glob("*.safetensors")):
                raise UserError(f"checkpoint {checkpoint.checkpoint_id}: no .safetensors file in {folder}")

"""The thread of a vLLM engine: every touch of the engine happens here.

Other threads put work into a queue and wait for a future. The engine's batches interleave the requests of several
shards. A command (a change of weights) runs after all earlier shards. With nothing to do the thread blocks on the
queue, and an idle engine uses no processor time.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from rise_core.engine import vllm_calls
from rise_core.engine.batches import CompletionBatch, RequestBatch
from rise_core.engine.settings import EngineSpec
from rise_core.errors import EngineLost
from rise_core.records import Completion, SamplingSettings
from rise_core.text import error_line


@dataclass
class _Shard:
    """Requests in the engine, and their completions so far."""

    batch: RequestBatch
    settings: SamplingSettings
    lora: Any
    future: Future[CompletionBatch]
    started: float = 0.0  # monotonic seconds
    num_open: int = 0  # requests without completions
    completions: list[list[Completion]] = field(default_factory=list)  # [requests][n]


@dataclass
class _Command:
    """An action on the engine while no request runs."""

    action: Callable[[Any], Any]
    future: Future[Any]


class EngineThread:
    """Imports vLLM in a new thread, builds an engine there, and serves the engine."""

    def __init__(self, cores: tuple[int, ...]) -> None:
        """Begin to import vLLM.

        Args:
            cores: Cores to run on; empty: any core.
        """
        self._spec: Future[EngineSpec] = Future()
        self._ready: Future[None] = Future()
        self._engine: Any = None
        self._inbox: queue.SimpleQueue[_Shard | _Command] = queue.SimpleQueue()
        self._backlog: deque[_Shard | _Command] = deque()
        self._running: dict[str, tuple[_Shard, int]] = {}  # request id → shard, position of the request in it
        self._num_requests = 0  # since the start; request ids must be new
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._run, args=(cores,), name="engine", daemon=True)
        self._thread.start()

    @property
    def thread_id(self) -> int:
        """The kernel's number of the thread."""
        return self._thread.native_id or 0

    def build(self, spec: EngineSpec) -> None:
        """Build the engine. Blocks until the engine is up. Raises EngineLost when the engine cannot start."""
        self._spec.set_result(spec)
        self._ready.result()

    def submit(self, batch: RequestBatch, settings: SamplingSettings, lora: Any) -> Future[CompletionBatch]:
        """Sample a shard. A failed engine puts EngineLost into the future."""
        shard = _Shard(batch, settings, lora, Future())
        self._inbox.put(shard)
        return shard.future

    def submit_command(self, action: Callable[[Any], Any]) -> Future[Any]:
        """Call `action(engine)` after all earlier shards. A failed engine puts EngineLost into the future."""
        command = _Command(action, Future())
        self._inbox.put(command)
        return command.future

    def _run(self, cores: tuple[int, ...]) -> None:
        try:
            vllm_calls.import_vllm(cores)
            self._engine = vllm_calls.build_engine(self._spec.result())
        except BaseException as error:
            self._failure = error_line(error, with_type=True)
            self._ready.set_exception(EngineLost(self._failure))
            raise
        self._ready.set_result(None)
        while True:
            self._receive()
            while self._backlog and not (isinstance(self._backlog[0], _Command) and self._running):
                self._begin(self._backlog.popleft())
            if self._running:
                self._step()

    def _receive(self) -> None:
        """Move submitted work into the backlog. Blocks while the engine is idle."""
        if not self._running and not self._backlog:
            self._backlog.append(self._inbox.get())
        while not self._inbox.empty():
            self._backlog.append(self._inbox.get())

    def _begin(self, work: _Shard | _Command) -> None:
        if self._failure:
            work.future.set_exception(EngineLost(self._failure))
            return
        try:
            if isinstance(work, _Command):
                work.future.set_result(work.action(self._engine))
            else:
                self._add_requests(work)
        except Exception as error:  # noqa: BLE001 (the caller that waits for the work gets the error)
            self._fail(error, also=work)

    def _add_requests(self, shard: _Shard) -> None:
        requests = shard.batch.unpack()
        shard.started, shard.num_open = time.monotonic(), len(requests)
        shard.completions = [[] for _ in requests]
        for position, request in enumerate(requests):
            request_id = str(self._num_requests)
            self._num_requests += 1
            self._running[request_id] = (shard, position)
            prompt = {"type": "token", "prompt_token_ids": request.prompt_ids}
            parameters = vllm_calls.sampling_parameters(request, shard.settings)
            self._engine.add_request(request_id, prompt, parameters, lora_request=shard.lora)

    def _step(self) -> None:
        """Run a step of the engine: another token of every running sequence."""
        try:
            outputs = self._engine.step()
            now = time.monotonic()
            for output in outputs:
                if output.finished:
                    self._collect(output, now)
        except Exception as error:  # noqa: BLE001 (every waiting caller gets the error)
            self._fail(error)

    def _collect(self, output: Any, now: float) -> None:
        """Store the completions of a finished request. The last request completes the shard's future."""
        shard, position = self._running.pop(output.request_id)
        latency = now - shard.started
        sampled = [Completion(list(sample.token_ids), sample.finish_reason, latency) for sample in output.outputs]
        shard.completions[position] = sampled * (int(shard.batch.n[position]) // len(sampled))  # n equal ones at T = 0
        shard.num_open -= 1
        if not shard.num_open:
            shard.future.set_result(CompletionBatch.pack([c for several in shard.completions for c in several]))

    def _fail(self, error: Exception, also: _Shard | _Command | None = None) -> None:
        """Fail all waiting work with the error, and all later work: the engine's state is unknown."""
        self._failure = error_line(error, with_type=True)
        shards = {id(shard): shard for shard, _ in self._running.values()}
        self._running.clear()
        for work in [*shards.values(), *([also] if also else [])]:
            if not work.future.done():
                work.future.set_exception(EngineLost(self._failure))

"""The thread that owns a vLLM engine: everything that touches the engine happens in it.

Other threads hand it jobs through a queue and wait on a future. Shards are interleaved in the engine's batches; a
command (a change of weights) runs when all shards before it are done. With nothing to do the thread blocks on its
queue, and an idle engine uses no processor time.
"""

from __future__ import annotations

import gc
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from rise.core.engine.batches import CompletionBatch, RequestBatch
from rise.core.engine.settings import EngineSpec
from rise.core.errors import EngineLost
from rise.core.records import Completion, SampleRequest, SamplingSettings


@dataclass
class Shard:
    """Requests in the engine, and what has come out so far."""

    batch: RequestBatch
    settings: SamplingSettings
    lora: Any
    future: Future[CompletionBatch]
    started: float = 0.0
    waiting: int = 0
    completions: list[list[Completion]] = field(default_factory=list)  # by request


@dataclass
class Command:
    """Something to do with the engine while no request runs."""

    action: Callable[[Any], Any]
    future: Future[Any]


class EngineLoop:
    """Imports vLLM in a thread of its own, builds an engine there when told to, serves it until the process ends."""

    def __init__(self, cores: tuple[int, ...]) -> None:
        self.cores = cores
        self.spec: Future[EngineSpec] = Future()
        self.engine: Any = None
        self.ready: Future[None] = Future()
        self.inbox: queue.SimpleQueue[Shard | Command] = queue.SimpleQueue()
        self.backlog: deque[Shard | Command] = deque()
        self.running: dict[str, tuple[Shard, int]] = {}  # request id -> shard, position in it
        self.submitted = 0
        self.broken: str | None = None
        self.thread = threading.Thread(target=self.run, name="engine", daemon=True)
        self.thread.start()

    def build(self, spec: EngineSpec) -> None:
        """Build the engine; returns when it is up."""
        self.spec.set_result(spec)
        self.ready.result()

    def submit(self, batch: RequestBatch, settings: SamplingSettings, lora: Any) -> Future[CompletionBatch]:
        shard = Shard(batch, settings, lora, Future())
        self.inbox.put(shard)
        return shard.future

    def command(self, action: Callable[[Any], Any]) -> Future[Any]:
        command = Command(action, Future())
        self.inbox.put(command)
        return command.future

    def run(self) -> None:
        try:
            import_engine(self.cores)
            self.engine = build(self.spec.result())
        except BaseException as error:
            self.broken = describe(error)
            self.ready.set_exception(EngineLost(self.broken))
            raise
        self.ready.set_result(None)
        while True:
            self.receive()
            while self.backlog and not (isinstance(self.backlog[0], Command) and self.running):
                self.begin(self.backlog.popleft())
            if self.running:
                self.step()

    def receive(self) -> None:
        if not self.running and not self.backlog:
            self.backlog.append(self.inbox.get())
        while not self.inbox.empty():
            self.backlog.append(self.inbox.get())

    def begin(self, job: Shard | Command) -> None:
        if self.broken:
            job.future.set_exception(EngineLost(self.broken))
            return
        try:
            if isinstance(job, Command):
                job.future.set_result(job.action(self.engine))
            else:
                self.add(job)
        except Exception as error:  # noqa: BLE001 whoever waits for the job gets it
            self.fail(error, also=job)

    def add(self, shard: Shard) -> None:
        requests = shard.batch.unpack()
        shard.started, shard.waiting = time.monotonic(), len(requests)
        shard.completions = [[] for _ in requests]
        for position, request in enumerate(requests):
            name = str(self.submitted)
            self.submitted += 1
            self.running[name] = (shard, position)
            prompt = {"type": "token", "prompt_token_ids": request.prompt_ids}
            self.engine.add_request(name, prompt, parameters(request, shard.settings), lora_request=shard.lora)

    def step(self) -> None:
        try:
            outputs = self.engine.step()
            now = time.monotonic()
            for output in outputs:
                if output.finished:
                    self.collect(output, now)
        except Exception as error:  # noqa: BLE001 every waiting shard gets it
            self.fail(error)

    def collect(self, output: Any, now: float) -> None:
        shard, position = self.running.pop(output.request_id)
        latency = now - shard.started
        sampled = [Completion(list(sample.token_ids), sample.finish_reason, latency) for sample in output.outputs]
        shard.completions[position] = sampled * (int(shard.batch.n[position]) // len(sampled))
        shard.waiting -= 1
        if not shard.waiting:
            shard.future.set_result(CompletionBatch.pack([c for several in shard.completions for c in several]))

    def fail(self, error: Exception, also: Shard | Command | None = None) -> None:
        """The engine's state is unknown after an error: all waiting jobs fail with its message, and all later ones."""
        self.broken = describe(error)
        shards = {id(shard): shard for shard, _ in self.running.values()}
        self.running.clear()
        for job in [*shards.values(), *([also] if also else [])]:
            if not job.future.done():
                job.future.set_exception(EngineLost(self.broken))


def import_engine(cores: tuple[int, ...]) -> None:
    """Import vLLM in the thread that will run it: OpenMP's threads belong to that one and inherit its cores."""
    if cores:
        os.sched_setaffinity(0, cores)
    from vllm import EngineArgs, LLMEngine  # noqa: F401


def build(spec: EngineSpec) -> Any:
    """The engine, made in the thread that will run it."""
    from vllm import EngineArgs, LLMEngine
    from vllm.usage.usage_lib import UsageContext

    engine = LLMEngine.from_engine_args(EngineArgs(**spec.arguments), usage_context=UsageContext.LLM_CLASS)
    gc.collect()
    gc.freeze()  # the many objects of vLLM and torch stay; without them, collections between steps are cheap
    return engine


def parameters(request: SampleRequest, settings: SamplingSettings) -> Any:
    """vLLM's sampling parameters; it gives sample j of a request the seed `seed + j`. At temperature 0 one sample is
    enough, all would be the same."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        n=request.n if settings.temperature > 0 else 1,
        seed=request.seed,
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_new_tokens,
        stop_token_ids=list(settings.stop_token_ids),
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"

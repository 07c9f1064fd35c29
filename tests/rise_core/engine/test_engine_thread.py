"""The order of work in the engine thread, and failures, with a synthetic engine in the place of vLLM."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from rise_core.engine import vllm_calls
from rise_core.engine.batches import CompletionBatch, RequestBatch
from rise_core.engine.engine_thread import EngineThread
from rise_core.engine.settings import EngineSpec
from rise_core.errors import EngineLost
from rise_core.records import SampleRequest
from tests.rise_core.engine.tiny import GREEDY, RANDOM

SECONDS = 30  # deadline of every wait
BAD_TOKEN = 666


class SyntheticEngine:
    """Answers a request with its prompt, after as many steps as the prompt has tokens."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[list[int], int]] = {}
        self.steps_left: dict[str, int] = {}
        self.thread = threading.get_ident()
        self.go_on = threading.Event()
        self.go_on.set()

    def add_request(self, request_id: str, prompt: dict[str, Any], n: int, lora_request: Any) -> None:
        assert threading.get_ident() == self.thread
        assert request_id not in self.open
        self.open[request_id] = (prompt["prompt_token_ids"], n)
        self.steps_left[request_id] = len(prompt["prompt_token_ids"])

    def step(self) -> list[Any]:
        assert threading.get_ident() == self.thread
        assert self.go_on.wait(SECONDS)
        if any(BAD_TOKEN in ids for ids, _ in self.open.values()):
            raise IndexError("token\n666 is out of range")
        self.steps_left = {request_id: steps - 1 for request_id, steps in self.steps_left.items()}
        done = [request_id for request_id, steps in self.steps_left.items() if steps == 0]
        outputs = []
        for request_id in done:
            ids, n = self.open.pop(request_id)
            del self.steps_left[request_id]
            samples = [SimpleNamespace(token_ids=ids, finish_reason="stop")] * n
            outputs.append(SimpleNamespace(request_id=request_id, outputs=samples, finished=True))
        return outputs


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[EngineThread, SyntheticEngine]]:
    """Builds a thread with a synthetic engine."""
    engines: list[SyntheticEngine] = []

    def build_engine(spec: EngineSpec) -> SyntheticEngine:
        engines.append(SyntheticEngine())
        return engines[-1]

    def parameters(request: SampleRequest, settings: Any) -> int:
        return request.n if settings.temperature > 0 else 1

    monkeypatch.setattr(vllm_calls, "import_vllm", lambda cores: None)
    monkeypatch.setattr(vllm_calls, "build_engine", build_engine)
    monkeypatch.setattr(vllm_calls, "sampling_parameters", parameters)

    def build_thread() -> tuple[EngineThread, SyntheticEngine]:
        thread = EngineThread(())
        thread.build(EngineSpec({}, ()))
        return thread, engines[-1]

    return build_thread


def shard(*prompts: list[int], n: int = 1) -> RequestBatch:
    return RequestBatch.pack([SampleRequest(ids, n, 0) for ids in prompts])


def sampled(future: Future[CompletionBatch], batch: RequestBatch) -> list[list[list[int]]]:
    return [[c.token_ids for c in several] for several in future.result(SECONDS).unpack(batch.n)]


Build = Callable[[], tuple[EngineThread, SyntheticEngine]]


def test_completions_come_in_the_order_of_the_requests(build: Build) -> None:
    """The second request ends first."""
    thread, _ = build()
    batch = shard([1, 2, 3], [4], n=2)
    assert sampled(thread.submit(batch, RANDOM, None), batch) == [[[1, 2, 3]] * 2, [[4]] * 2]


def test_at_temperature_zero_the_only_sample_stands_for_all(build: Build) -> None:
    thread, _ = build()
    batch = shard([1, 2], n=3)
    assert sampled(thread.submit(batch, GREEDY, None), batch) == [[[1, 2]] * 3]


def test_a_command_waits_for_earlier_shards_and_holds_later_ones_back(build: Build) -> None:
    thread, engine = build()
    engine.go_on.clear()
    order: list[str] = []

    def note(name: str, future: Future[Any]) -> Future[Any]:
        future.add_done_callback(lambda _: order.append(name))
        return future

    futures = [
        note("long", thread.submit(shard([1] * 9), RANDOM, None)),
        note("short", thread.submit(shard([2] * 3), RANDOM, None)),
        note("command", thread.submit_command(lambda engine: len(engine.open))),
        note("later", thread.submit(shard([3]), RANDOM, None)),
    ]
    engine.go_on.set()
    results = [future.result(SECONDS) for future in futures]
    assert results[2] == 0, "no request runs during a command"
    assert order == ["short", "long", "command", "later"]


def test_a_failed_step_fails_all_shards_and_all_later_work(build: Build) -> None:
    thread, engine = build()
    engine.go_on.clear()
    futures = [thread.submit(shard([1] * 9), RANDOM, None), thread.submit(shard([BAD_TOKEN]), RANDOM, None)]
    engine.go_on.set()
    futures += [thread.submit(shard([1]), RANDOM, None), thread.submit_command(lambda engine: None)]
    for future in futures:
        with pytest.raises(EngineLost, match=r"^IndexError: token 666 is out of range$"):
            future.result(SECONDS)


def test_a_failed_command_fails_all_later_work(build: Build) -> None:
    thread, _ = build()
    for future in (thread.submit_command(lambda engine: engine.missing), thread.submit(shard([1]), RANDOM, None)):
        with pytest.raises(EngineLost, match=r"AttributeError: .*missing"):
            future.result(SECONDS)


def test_an_engine_that_cannot_start_says_why(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_calls, "build_engine", lambda spec: spec.arguments["absent"])
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # the thread ends with the error
    thread = EngineThread(())
    with pytest.raises(EngineLost, match="KeyError: 'absent'"):
        thread.build(EngineSpec({}, ()))


def test_a_request_with_other_settings_joins_the_running_ones(build: Build) -> None:
    thread, engine = build()
    engine.go_on.clear()
    first, second = shard([1] * 5), shard([2] * 2, n=2)
    futures = [thread.submit(first, RANDOM, None), thread.submit(second, replace(RANDOM, temperature=0.0), None)]
    engine.go_on.set()
    assert sampled(futures[0], first) == [[[1] * 5]]
    assert sampled(futures[1], second) == [[[2] * 2] * 2]

"""Engines that die, fail, hang or are closed. The last test ends the session's engines."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest

from rise_core.engine.batches import RequestBatch
from rise_core.engine.pool import EnginePool
from rise_core.errors import EngineError, EngineLost
from rise_core.records import SampleRequest
from tests.rise_core.engine.tiny import CONFIG, GREEDY, RANDOM, greedy, random_prompt, token_ids

pytestmark = pytest.mark.fault
LONG = replace(RANDOM, max_new_tokens=60)


def test_a_shard_whose_engine_dies_goes_to_another(pool: EnginePool) -> None:
    requests = [SampleRequest(random_prompt(seed), 16, seed) for seed in range(64)]
    expected = token_ids(pool.sample(requests, LONG))
    with ThreadPoolExecutor(1) as threads:
        sampling = threads.submit(pool.sample, requests, LONG)
        wait_for_work(pool)
        assert pool.replicas[0].info
        os.kill(pool.replicas[0].info.pid, signal.SIGKILL)
        assert token_ids(sampling.result()) == expected
    assert [replica.actor is None for replica in pool.replicas] == [True, False]


def test_an_engine_that_fails_says_why_and_is_replaced(pool: EnginePool, models: dict[str, str]) -> None:
    """A token outside the vocabulary, sent past the pool's checks, ends the engine's step. No caller waits for ever."""
    pool.replicas[0].kill()
    replica = pool.replicas[1]
    harmless = RequestBatch.pack([SampleRequest(random_prompt(0), 16, 0) for _ in range(64)])
    fatal = RequestBatch.pack([SampleRequest([10**6], 1, 0)])
    calls = [replica.submit("sample", batch, RANDOM) for batch in (harmless, fatal)]
    for call in calls:
        with pytest.raises(EngineLost, match=r"engine full-engine-1 failed in sample\(\): .*out of"):
            replica.await_result(call)
    assert [replica.actor is None for replica in pool.replicas] == [True, True]
    [[completion]] = pool.sample([SampleRequest(random_prompt(0), 1, 0)], GREEDY)
    assert completion.token_ids == greedy(models["tied"], random_prompt(0), 24)


def test_a_call_whose_engine_was_ended_for_another_calls_failure_tells_that_failure(pool: EnginePool) -> None:
    """Ray itself reports only the kill of the actor, not the reason for the kill."""
    replica = next(replica for replica in pool.replicas if replica.actor)
    batch = RequestBatch.pack([SampleRequest(random_prompt(seed), 16, seed) for seed in range(64)])
    waiting = replica.submit("sample", batch, LONG)
    replica.fail(waiting.actor, "failed in sample(): the cause")
    replica.fail(waiting.actor, "failed in sample(): a consequence")
    with pytest.raises(EngineLost, match=r"^engine full-engine-[01] failed in sample\(\): the cause$"):
        replica.await_result(waiting)


def test_an_engine_that_hangs_is_ended_at_the_deadline(lora_pool: EnginePool) -> None:
    replica = lora_pool.replicas[0]
    replica.config = replace(CONFIG, timeout=1)
    assert replica.info
    process = psutil.Process(replica.info.pid)
    process.suspend()
    with pytest.raises(EngineError, match=r"engine lora-engine-0 did not finish sample\(\) within 1 s and was ended"):
        lora_pool.sample([SampleRequest(random_prompt(0), 1, 0)], GREEDY)
    process.wait(timeout=30)


def test_closed_engines_are_gone_and_say_so(pools: tuple[EnginePool, EnginePool]) -> None:
    for pool in pools:
        processes = [psutil.Process(r.info.pid) for r in pool.replicas if r.info and r.actor]
        pool.close()
        for process in processes:
            process.wait(timeout=30)
        with pytest.raises(EngineError, match="closed"):
            pool.sample([SampleRequest(random_prompt(0), 1, 0)], GREEDY)


def wait_for_work(pool: EnginePool) -> None:
    """Wait until the first engine has a shard and computes."""
    replica = pool.replicas[0]
    deadline = time.monotonic() + 60
    while not replica.in_flight:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert replica.info
    process = psutil.Process(replica.info.pid)
    before = process.cpu_times().user
    while process.cpu_times().user < before + 0.1:
        assert time.monotonic() < deadline
        time.sleep(0.01)

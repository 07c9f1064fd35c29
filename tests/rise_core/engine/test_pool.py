"""Real engines under a real Ray: what they sample, how weights change under them, and how they fail."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import ray

from rise.core import cluster
from rise.core.config.engine_keys import Engine
from rise.core.config.keys import Model
from rise.core.engine import early
from rise.core.engine.batches import RequestBatch
from rise.core.engine.pool import EnginePool
from rise.core.errors import EngineError, EngineLost, UserError
from rise.core.records import Checkpoint, Completion, SampleRequest, SamplingSettings
from tests.rise_core.engine.conftest import CONTEXT, LORA_RANK, VOCABULARY, greedy, make_model

# Room for about 50 of the longest sequences: long batches make the engine preempt requests.
CONFIG = Engine(max_model_len=CONTEXT, kv_cache_gib=0.01, threads=1, start_timeout=300, timeout=120)
GREEDY = SamplingSettings(temperature=0.0, top_p=1.0, max_new_tokens=24, stop_token_ids=())
RANDOM = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=12, stop_token_ids=())


@pytest.fixture(scope="module", autouse=True)
def _ray() -> Iterator[None]:
    with cluster.connect(logical_cpus=2):
        yield


@pytest.fixture(scope="module")
def pools(models: dict[str, str], _ray: None) -> Iterator[tuple[EnginePool, EnginePool]]:
    """Two engines of full, tied weights and one with LoRA, whose weights are not tied, started side by side."""

    def start(name: str, replicas: int, lora_rank: int | None) -> EnginePool:
        weights = "first" if lora_rank else "tied"
        config, checkpoint = replace(CONFIG, replicas=replicas), Checkpoint(weights, models[weights])
        return EnginePool(config, Model(), checkpoint, lora_rank=lora_rank, seed=0, name=name)

    with early.started(CONFIG, "lora"):
        with ThreadPoolExecutor(2) as threads:
            full, lora = threads.map(start, ("full", "lora"), (2, 1), (None, LORA_RANK))
        with full, lora:
            yield full, lora


@pytest.fixture
def pool(pools: tuple[EnginePool, EnginePool], models: dict[str, str]) -> EnginePool:
    pools[0].use(Checkpoint("tied", models["tied"]))
    return pools[0]


@pytest.fixture
def lora_pool(pools: tuple[EnginePool, EnginePool]) -> EnginePool:
    return pools[1]


def prompt(seed: int, length: int = 40) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(0, VOCABULARY, length)]


def tokens(completions: list[list[Completion]]) -> list[list[list[int]]]:
    return [[completion.token_ids for completion in several] for several in completions]


def answer(pool: EnginePool, prompt_ids: list[int]) -> list[int]:
    [[completion]] = pool.sample([SampleRequest(prompt_ids, 1, 0)], GREEDY)
    return completion.token_ids


def actors(name: str) -> list[str]:
    return [actor for actor in ray.util.list_named_actors() if actor.startswith(f"{name}-engine-")]


def test_a_pool_takes_the_processes_that_were_started_early(lora_pool: EnginePool) -> None:
    assert lora_pool.replicas[0].actor is not None
    assert len(actors("lora")) == 1
    assert early.take(CONFIG, ()) is None


def test_early_processes_that_no_pool_took_end() -> None:
    with early.started(CONFIG, "unused"):
        assert len(actors("unused")) == 1
    deadline = time.monotonic() + 60
    while actors("unused"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_greedy_answers_are_those_of_transformers(pool: EnginePool, models: dict[str, str]) -> None:
    prompts = [prompt(0, 3), prompt(1, 40), prompt(2, 100)]
    sampled = pool.sample([SampleRequest(ids, 1, 0) for ids in prompts], GREEDY)
    assert tokens(sampled) == [[greedy(models["tied"], ids, 24)] for ids in prompts]
    assert {several[0].finish_reason for several in sampled} == {"length"}


def test_new_weights_answer_from_then_on(pool: EnginePool, models: dict[str, str]) -> None:
    """Both engines, and the same prompt before and after: blocks cached under the old weights must be gone."""
    expected = {name: greedy(models[name], prompt(1, 70), 24) for name in ("tied", "tied_later")}
    assert expected["tied"] != expected["tied_later"]
    for name in ("tied", "tied_later", "tied"):
        pool.use(Checkpoint(name, models[name]))
        for replica in pool.replicas:
            batch = RequestBatch.pack([SampleRequest(prompt(1, 70), 1, 0)])
            assert tokens(replica.call("sample", batch, GREEDY).unpack(batch.n)) == [[expected[name]]]


def test_adapters_answer_as_under_peft(lora_pool: EnginePool, models: dict[str, str]) -> None:
    ids = prompt(1, 70)
    steps = [
        (Checkpoint("first", models["first"]), "first", None),
        (Checkpoint("one", models["first"], models["adapter"]), "first", "adapter"),
        (Checkpoint("two", models["first"], models["adapter_later"]), "first", "adapter_later"),
        (Checkpoint("three", models["second"], models["adapter_on_second"]), "second", "adapter_on_second"),
        (Checkpoint("one", models["first"], models["adapter"]), "first", "adapter"),
        (Checkpoint("first", models["first"]), "first", None),
    ]
    expected = [greedy(models[weights], ids, 24, adapter and models[adapter]) for _, weights, adapter in steps]
    assert len({tuple(answer) for answer in expected}) == 4
    for (checkpoint, _, _), wanted in zip(steps, expected, strict=True):
        lora_pool.use(checkpoint)
        assert answer(lora_pool, ids) == wanted


def test_a_response_ends_with_its_stop_token(pool: EnginePool, models: dict[str, str]) -> None:
    expected = greedy(models["tied"], prompt(0), 24)
    stop = expected[5]
    settings = replace(GREEDY, stop_token_ids=(stop,))
    [[completion]] = pool.sample([SampleRequest(prompt(0), 1, 0)], settings)
    assert completion.token_ids == expected[: expected.index(stop) + 1]
    assert completion.finish_reason == "stop"
    assert completion.latency > 0


def test_sample_j_has_seed_plus_j(pool: EnginePool) -> None:
    [several] = pool.sample([SampleRequest(prompt(0), 4, 700)], RANDOM)
    alone = pool.sample([SampleRequest(prompt(0), 1, 700 + j) for j in range(4)], RANDOM)
    assert [c.token_ids for c in several] == [c.token_ids for [c] in alone]
    assert len({tuple(c.token_ids) for c in several}) == 4


def test_sampling_does_not_depend_on_the_batch(pool: EnginePool) -> None:
    """Neither other requests in the batch nor preemption (the cache holds about 50 such sequences) change a sample."""
    settings = replace(RANDOM, max_new_tokens=80)
    requests = [SampleRequest(prompt(seed), 2, 1000 * seed) for seed in range(100)]
    together = tokens(pool.sample(requests, settings))
    for position in (0, 50, 99):
        assert tokens(pool.sample([requests[position]], settings)) == [together[position]]
    assert tokens(pool.sample(requests, settings)) == together


def test_sampling_follows_its_settings(pool: EnginePool, models: dict[str, str]) -> None:
    request = SampleRequest(prompt(0), 3, 5)
    likeliest = greedy(models["tied"], prompt(0), 12)
    assert tokens(pool.sample([request], replace(RANDOM, top_p=1e-6))) == [[likeliest] * 3]
    assert tokens(pool.sample([request], replace(RANDOM, temperature=0.0))) == [[likeliest] * 3]
    assert likeliest not in tokens(pool.sample([request], RANDOM))[0]


def test_shards_of_several_threads_share_the_engines(pool: EnginePool) -> None:
    shards = [[SampleRequest(prompt(seed), 4, seed) for seed in range(start, start + 30)] for start in (0, 30, 60, 90)]
    serial = [tokens(pool.sample(shard, RANDOM)) for shard in shards]
    processes = [psutil.Process(replica.info.pid) for replica in pool.replicas if replica.info]
    before = [process.cpu_times().user for process in processes]
    with ThreadPoolExecutor(4) as threads:
        assert [tokens(done) for done in threads.map(lambda shard: pool.sample(shard, RANDOM), shards)] == serial
    assert all(process.cpu_times().user > then for process, then in zip(processes, before, strict=True))
    assert [replica.in_flight for replica in pool.replicas] == [0, 0]


def test_nothing_to_sample_is_no_error(pool: EnginePool) -> None:
    assert pool.sample([], RANDOM) == []


def test_an_idle_engine_uses_no_processor_time(pool: EnginePool) -> None:
    answer(pool, prompt(0))
    pool.release()
    info = pool.replicas[0].info
    assert info

    def seconds() -> float:
        [loop] = [thread for thread in psutil.Process(info.pid).threads() if thread.id == info.thread]
        return float(loop.user_time + loop.system_time)

    time.sleep(0.2)
    before = seconds()
    time.sleep(0.5)
    assert seconds() == before
    pool.resume()
    answer(pool, prompt(0))
    assert seconds() >= before


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (
            SampleRequest([1] * 120, 1, 0),
            r"request 1: a prompt of 120 tokens and max_new_tokens = 12 make 132, above .*128",
        ),
        (SampleRequest([], 1, 0), "request 1: its prompt is empty"),
        (SampleRequest([1, VOCABULARY], 1, 0), "request 1: token 100 of its prompt is outside .* of 100"),
        (SampleRequest([1], 0, 0), "request 1: n = 0 or seed = 0 is out of range"),
        (SampleRequest([1], 2, 2**63 - 1), "request 1: n = 2 or seed = .* is out of range"),
    ],
)
def test_a_request_that_does_not_fit_is_the_users_error(
    pool: EnginePool, request_: SampleRequest, complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        pool.sample([SampleRequest([1, 2], 1, 0), request_], RANDOM)


def test_a_policy_that_cannot_be_served_is_refused(pool: EnginePool, models: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no .safetensors file in"):
        pool.use(Checkpoint("empty", str(tmp_path)))
    with pytest.raises(UserError, match="is an adapter, but the engines were started without LoRA"):
        pool.use(Checkpoint("one", models["first"], models["adapter"]))
    assert answer(pool, prompt(0)) == greedy(models["tied"], prompt(0), 24)


def test_settings_that_cannot_work_are_refused_before_anything_starts(models: dict[str, str], tmp_path: Path) -> None:
    def start(config: Engine, weights_dir: str = models["first"], lora_rank: int | None = None) -> None:
        EnginePool(config, Model(), Checkpoint("x", weights_dir), lora_rank=lora_rank, seed=0, name="refused")

    with pytest.raises(UserError, match=r"max_model_len = 4096 is above 128, the longest sequence"):
        start(replace(CONFIG, max_model_len=4096))
    with pytest.raises(UserError, match=r"engine.gpus = 1 for 2 engines needs 2 GPUs, but Ray has 0"):
        start(replace(CONFIG, gpus=1, replicas=2))
    with pytest.raises(UserError, match=r"engine.block_size = 16 must be a multiple of 32"):
        start(replace(CONFIG, block_size=16))
    with pytest.raises(UserError, match=r"train.lora.r = 1024 is above 512"):
        start(CONFIG, lora_rank=1024)
    with pytest.raises(UserError, match=r"attention heads of size 16; on the CPU"):
        start(CONFIG, make_model(tmp_path / "small-heads", 0, heads=4))
    with pytest.raises(UserError, match=r"config.json does not exist"):
        start(CONFIG, str(tmp_path))
    assert not [name for name in ray.util.list_named_actors() if name.startswith("refused")]


def test_an_engine_that_does_not_start_in_time_is_ended(models: dict[str, str]) -> None:
    config = replace(CONFIG, start_timeout=0.5)
    with pytest.raises(EngineError, match=r"engine late-engine-0 did not finish ready\(\) within 0 s and was ended"):
        EnginePool(config, Model(), Checkpoint("first", models["first"]), lora_rank=None, seed=0, name="late")


def test_engines_carry_the_pools_name(pool: EnginePool) -> None:
    names = {actor.rpartition("-")[0] for actor in ray.util.list_named_actors()}
    assert {"full-engine-0", "full-engine-1", "lora-engine-0"} <= names


def test_a_second_pool_of_the_same_name_finds_its_names_free(pool: EnginePool) -> None:
    config = replace(CONFIG, replicas=1)
    with EnginePool(config, Model(), pool.checkpoint, lora_rank=None, seed=0, name="full") as other:
        assert len(other.sample([SampleRequest(prompt(0), 2, 0)], RANDOM)[0]) == 2


def test_a_shard_whose_engine_dies_goes_to_another(pool: EnginePool) -> None:
    requests = [SampleRequest(prompt(seed), 16, seed) for seed in range(64)]
    settings = replace(RANDOM, max_new_tokens=60)
    expected = tokens(pool.sample(requests, settings))
    with ThreadPoolExecutor(1) as threads:
        sampling = threads.submit(pool.sample, requests, settings)
        wait_for_work(pool)
        assert pool.replicas[0].info
        os.kill(pool.replicas[0].info.pid, signal.SIGKILL)
        assert tokens(sampling.result()) == expected
    assert [replica.actor is None for replica in pool.replicas] == [True, False]


def test_an_engine_that_fails_says_why_and_is_replaced(pool: EnginePool, models: dict[str, str]) -> None:
    """A token outside the vocabulary, sent past the pool's checks, ends the engine's step: nobody may wait for ever."""
    replica = pool.replicas[1]
    harmless = RequestBatch.pack([SampleRequest(prompt(0), 16, 0) for _ in range(64)])
    fatal = RequestBatch.pack([SampleRequest([10**6], 1, 0)])
    calls = [replica.send("sample", batch, RANDOM) for batch in (harmless, fatal)]
    for call in calls:
        with pytest.raises(EngineLost, match=r"engine full-engine-1 failed in sample\(\): .*out of"):
            replica.wait(call, time.monotonic() + 60)
    assert [replica.actor is None for replica in pool.replicas] == [True, True]
    assert answer(pool, prompt(0)) == greedy(models["tied"], prompt(0), 24)


def test_a_call_whose_engine_was_ended_for_another_calls_failure_tells_that_failure(pool: EnginePool) -> None:
    """Ray itself tells only that the actor was killed, which is what we did and not why."""
    replica = next(replica for replica in pool.replicas if replica.actor)
    long = RequestBatch.pack([SampleRequest(prompt(seed), 16, seed) for seed in range(64)])
    waiting = replica.send("sample", long, replace(RANDOM, max_new_tokens=60))
    replica.end(waiting.actor, "failed in sample(): the cause")
    replica.end(waiting.actor, "failed in sample(): what followed from it")
    with pytest.raises(EngineLost, match=r"^engine full-engine-[01] failed in sample\(\): the cause$"):
        replica.wait(waiting, time.monotonic() + 60)


def test_an_engine_that_hangs_is_ended_at_the_deadline(lora_pool: EnginePool) -> None:
    replica = lora_pool.replicas[0]
    replica.config = replace(CONFIG, timeout=1)
    assert replica.info
    process = psutil.Process(replica.info.pid)
    process.suspend()
    with pytest.raises(EngineError, match=r"engine lora-engine-0 did not finish sample\(\) within 1 s and was ended"):
        lora_pool.sample([SampleRequest(prompt(0), 1, 0)], GREEDY)
    process.wait(timeout=30)


def test_closed_engines_are_gone_and_say_so(pools: tuple[EnginePool, EnginePool]) -> None:
    for pool in pools:
        processes = [psutil.Process(r.info.pid) for r in pool.replicas if r.info and r.actor]
        pool.close()
        for process in processes:
            process.wait(timeout=30)
        with pytest.raises(EngineError, match="closed"):
            pool.sample([SampleRequest(prompt(0), 1, 0)], GREEDY)


def wait_for_work(pool: EnginePool) -> None:
    """Until the first engine has a shard and has begun to compute on it."""
    replica = pool.replicas[0]
    while not replica.in_flight:
        time.sleep(0.005)
    assert replica.info
    process = psutil.Process(replica.info.pid)
    then = process.cpu_times().user
    while process.cpu_times().user < then + 0.1:
        time.sleep(0.01)

"""Real engines under a real Ray: their samples, changes of weights, and refusals."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import ray

from rise_core.config.engine_keys import Engine
from rise_core.config.keys import Model
from rise_core.engine.batches import RequestBatch
from rise_core.engine.pool import EnginePool
from rise_core.errors import EngineError, UserError
from rise_core.records import Checkpoint, SampleRequest
from tests.rise_core.engine.tiny import CONFIG, GREEDY, RANDOM, VOCABULARY, greedy, random_prompt, token_ids


def answer(pool: EnginePool, prompt_ids: list[int]) -> list[int]:
    [[completion]] = pool.sample([SampleRequest(prompt_ids, 1, 0)], GREEDY)
    return completion.token_ids


def test_a_pool_takes_the_processes_that_were_started_early(lora_pool: EnginePool) -> None:
    assert lora_pool.replicas[0].actor is not None
    assert len([name for name in ray.util.list_named_actors() if name.startswith("lora-engine-")]) == 1


def test_greedy_answers_are_those_of_transformers(pool: EnginePool, models: dict[str, str]) -> None:
    prompts = [random_prompt(0, 3), random_prompt(1, 40), random_prompt(2, 100)]
    sampled = pool.sample([SampleRequest(ids, 1, 0) for ids in prompts], GREEDY)
    assert token_ids(sampled) == [[greedy(models["tied"], ids, 24)] for ids in prompts]
    assert {several[0].finish_reason for several in sampled} == {"length"}


def test_new_weights_answer_from_then_on(pool: EnginePool, models: dict[str, str]) -> None:
    """Both engines, and the same prompt before and after: cache blocks of the old weights must be gone."""
    prompt = random_prompt(1, 70)
    expected = {name: greedy(models[name], prompt, 24) for name in ("tied", "tied_later")}
    assert expected["tied"] != expected["tied_later"]
    for name in ("tied", "tied_later", "tied"):
        pool.use(Checkpoint(name, models[name]))
        for replica in pool.replicas:
            batch = RequestBatch.pack([SampleRequest(prompt, 1, 0)])
            assert token_ids(replica.run("sample", batch, GREEDY).unpack(batch.n)) == [[expected[name]]]


def test_adapters_answer_as_under_peft(lora_pool: EnginePool, models: dict[str, str]) -> None:
    ids = random_prompt(1, 70)
    steps = [
        (Checkpoint("first", models["first"]), "first", None),
        (Checkpoint("one", models["first"], models["adapter"]), "first", "adapter"),
        (Checkpoint("two", models["first"], models["adapter_later"]), "first", "adapter_later"),
        (Checkpoint("three", models["second"], models["adapter_on_second"]), "second", "adapter_on_second"),
        (Checkpoint("one", models["first"], models["adapter"]), "first", "adapter"),
        (Checkpoint("first", models["first"]), "first", None),
    ]
    answers = [greedy(models[weights], ids, 24, adapter and models[adapter]) for _, weights, adapter in steps]
    assert len({tuple(tokens) for tokens in answers}) == 4
    for (checkpoint, _, _), expected in zip(steps, answers, strict=True):
        lora_pool.use(checkpoint)
        assert answer(lora_pool, ids) == expected


def test_a_response_ends_with_its_stop_token(pool: EnginePool, models: dict[str, str]) -> None:
    expected = greedy(models["tied"], random_prompt(0), 24)
    stop = expected[5]
    settings = replace(GREEDY, stop_token_ids=(stop,))
    [[completion]] = pool.sample([SampleRequest(random_prompt(0), 1, 0)], settings)
    assert completion.token_ids == expected[: expected.index(stop) + 1]
    assert completion.finish_reason == "stop"
    assert completion.latency > 0


def test_sample_j_has_seed_plus_j(pool: EnginePool) -> None:
    [several] = pool.sample([SampleRequest(random_prompt(0), 4, 700)], RANDOM)
    alone = pool.sample([SampleRequest(random_prompt(0), 1, 700 + j) for j in range(4)], RANDOM)
    assert [c.token_ids for c in several] == [c.token_ids for [c] in alone]
    assert len({tuple(c.token_ids) for c in several}) == 4


def test_sampling_does_not_depend_on_the_batch(pool: EnginePool) -> None:
    """Neither other requests in the batch nor preemption (the cache holds about 50 such sequences) change a sample."""
    settings = replace(RANDOM, max_new_tokens=80)
    requests = [SampleRequest(random_prompt(seed), 2, 1000 * seed) for seed in range(100)]
    together = token_ids(pool.sample(requests, settings))
    for position in (0, 50, 99):
        assert token_ids(pool.sample([requests[position]], settings)) == [together[position]]
    assert token_ids(pool.sample(requests, settings)) == together


def test_sampling_follows_its_settings(pool: EnginePool, models: dict[str, str]) -> None:
    request = SampleRequest(random_prompt(0), 3, 5)
    likeliest = greedy(models["tied"], random_prompt(0), 12)
    assert token_ids(pool.sample([request], replace(RANDOM, top_p=1e-6))) == [[likeliest] * 3]
    assert token_ids(pool.sample([request], replace(RANDOM, temperature=0.0))) == [[likeliest] * 3]
    assert likeliest not in token_ids(pool.sample([request], RANDOM))[0]


def test_shards_of_several_threads_share_the_engines(pool: EnginePool) -> None:
    shards = [
        [SampleRequest(random_prompt(seed), 4, seed) for seed in range(start, start + 30)] for start in (0, 30, 60, 90)
    ]
    serial = [token_ids(pool.sample(shard, RANDOM)) for shard in shards]
    processes = [psutil.Process(replica.info.pid) for replica in pool.replicas if replica.info]
    before = [process.cpu_times().user for process in processes]
    with ThreadPoolExecutor(4) as threads:
        assert [token_ids(done) for done in threads.map(lambda shard: pool.sample(shard, RANDOM), shards)] == serial
    assert all(process.cpu_times().user > then for process, then in zip(processes, before, strict=True))
    assert [replica.in_flight for replica in pool.replicas] == [0, 0]


def test_nothing_to_sample_is_no_error(pool: EnginePool) -> None:
    assert pool.sample([], RANDOM) == []


def test_an_idle_engine_uses_no_processor_time(pool: EnginePool) -> None:
    answer(pool, random_prompt(0))
    pool.release()
    info = pool.replicas[0].info
    assert info

    def seconds() -> float:
        [thread] = [thread for thread in psutil.Process(info.pid).threads() if thread.id == info.thread_id]
        return float(thread.user_time + thread.system_time)

    time.sleep(0.2)
    before = seconds()
    time.sleep(0.5)
    assert seconds() == before
    pool.resume()
    answer(pool, random_prompt(0))
    assert seconds() >= before


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (
            SampleRequest([1] * 120, 1, 0),
            r"request 1: a prompt of 120 tokens and max_new_tokens = 12 make 132, above .*128",
        ),
        (SampleRequest([1, VOCABULARY], 1, 0), "request 1: token 100 of its prompt is outside .* of 100"),
    ],
)
def test_a_request_that_does_not_fit_is_the_users_error(
    pool: EnginePool, request_: SampleRequest, complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        pool.sample([SampleRequest([1, 2], 1, 0), request_], RANDOM)


def test_a_checkpoint_that_cannot_be_served_is_refused(
    pool: EnginePool, models: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"no .safetensors file in"):
        pool.use(Checkpoint("empty", str(tmp_path)))
    with pytest.raises(UserError, match="is an adapter, but the engines were started without LoRA"):
        pool.use(Checkpoint("one", models["first"], models["adapter"]))
    assert answer(pool, random_prompt(0)) == greedy(models["tied"], random_prompt(0), 24)


def test_settings_that_cannot_work_are_refused_before_anything_starts(
    models: dict[str, str], ray_session: None
) -> None:
    def start(config: Engine) -> None:
        EnginePool(config, Model(), Checkpoint("x", models["first"]), lora_rank=None, seed=0, name="refused")

    with pytest.raises(UserError, match=r"max_model_len = 4096 is above 128, the longest sequence"):
        start(replace(CONFIG, max_model_len=4096))
    with pytest.raises(UserError, match=r"engine.gpus = 1 for 2 engines needs 2 GPUs, but Ray has 0"):
        start(replace(CONFIG, gpus=1, replicas=2))
    assert not [name for name in ray.util.list_named_actors() if name.startswith("refused")]


def test_engines_carry_the_pools_name(pool: EnginePool) -> None:
    names = {actor.rpartition("-")[0] for actor in ray.util.list_named_actors()}
    assert {"full-engine-0", "full-engine-1", "lora-engine-0"} <= names


def test_a_late_engine_is_ended_and_its_name_was_free(pool: EnginePool) -> None:
    """A second pool of the name `full` starts an engine beside the first pool's, too late for the deadline."""
    config = replace(CONFIG, start_timeout=0.5)
    with pytest.raises(EngineError, match=r"engine full-engine-0 did not finish start\(\) within 0.5 s and was ended"):
        EnginePool(config, Model(), pool.checkpoint, lora_rank=None, seed=0, name="full")
    assert answer(pool, random_prompt(0)), "the first pool goes on"

"""Settings of engines on their way to vLLM and Ray, and refusals before a start."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from rise_core.config.choices import Adapter
from rise_core.config.engine_keys import Engine
from rise_core.config.keys import Config, Model
from rise_core.engine.settings import actor_options, cores_of, engine_arguments, environment, learner_options
from rise_core.errors import UserError
from rise_core.records import Checkpoint

CONFIG = Engine(max_model_len=128, kv_cache_gib=0.5)


@pytest.fixture
def weights(tmp_path: Path) -> Checkpoint:
    return checkpoint(tmp_path)


def checkpoint(folder: Path, **model: object) -> Checkpoint:
    """A folder with a model's config.json and no weights."""
    folder.mkdir(exist_ok=True)
    sizes = {"max_position_embeddings": 128, "hidden_size": 64, "num_attention_heads": 2}
    (folder / "config.json").write_text(json.dumps(sizes | model))
    return Checkpoint("c", str(folder))


def arguments(config: Engine, checkpoint: Checkpoint, lora_rank: int | None = None) -> dict[str, object]:
    return engine_arguments(config, Model(), checkpoint, lora_rank=lora_rank, seed=3)


def test_prompts_of_a_cpu_engine_stay_whole(weights: Checkpoint) -> None:
    engine = arguments(replace(CONFIG, max_num_seqs=9000), weights)
    assert engine["enable_chunked_prefill"] is False
    assert engine["max_num_batched_tokens"] == 9000, "a step holds a token of every sequence"
    assert engine["kv_cache_memory_bytes"] == 2**29
    assert (engine["model"], engine["seed"], engine["max_model_len"]) == (
        weights.weights_dir,
        3,
        128,
    )
    long = checkpoint(Path(weights.weights_dir), max_position_embeddings=None)
    assert arguments(replace(CONFIG, max_model_len=20_000), long)["max_num_batched_tokens"] == 20_000


@pytest.mark.parametrize(("gpus", "parallel", "executor"), [(0.5, 1, None), (1.0, 1, None), (2.0, 2, "mp")])
def test_an_engine_spreads_over_its_gpus(weights: Checkpoint, gpus: float, parallel: int, executor: str | None) -> None:
    engine = arguments(replace(CONFIG, gpus=gpus), weights)
    assert (engine["tensor_parallel_size"], engine["distributed_executor_backend"]) == (
        parallel,
        executor,
    )
    assert engine["enable_sleep_mode"], "the GPU is free while training runs"
    assert "kv_cache_memory_bytes" not in engine


@pytest.mark.parametrize(("rank", "allocated"), [(1, 1), (4, 8), (8, 8), (512, 512)])
def test_an_adapter_gets_the_next_rank_that_vllm_has(weights: Checkpoint, rank: int, allocated: int) -> None:
    assert arguments(CONFIG, weights, rank)["max_lora_rank"] == allocated
    assert "enable_lora" not in arguments(CONFIG, weights)


def test_settings_that_cannot_work_are_refused(weights: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"max_model_len = 4096 is above 128, the longest sequence"):
        arguments(replace(CONFIG, max_model_len=4096), weights)
    with pytest.raises(UserError, match=r"engine.block_size = 16 must be a multiple of 32"):
        arguments(replace(CONFIG, block_size=16), weights)
    with pytest.raises(UserError, match=r"train.lora.r = 1024 is above 512"):
        arguments(CONFIG, weights, 1024)
    with pytest.raises(UserError, match=r"attention heads of size 16; on the CPU"):
        arguments(CONFIG, checkpoint(tmp_path / "small-heads", num_attention_heads=4))
    with pytest.raises(UserError, match=r"config.json does not exist"):
        arguments(CONFIG, Checkpoint("c", str(tmp_path / "empty")))


def test_a_model_with_stretched_positions_or_heads_for_a_gpu_is_served(weights: Checkpoint, tmp_path: Path) -> None:
    stretched = checkpoint(tmp_path / "stretched", rope_scaling={"factor": 4.0})
    assert arguments(replace(CONFIG, max_model_len=512), stretched)["max_model_len"] == 512
    assert arguments(replace(CONFIG, gpus=1), checkpoint(tmp_path / "small-heads", num_attention_heads=4))


def test_a_cpu_engine_waits_passively_on_its_threads() -> None:
    assert environment(replace(CONFIG, threads=3))["OMP_NUM_THREADS"] == "3"
    assert environment(CONFIG)["OMP_WAIT_POLICY"] == "PASSIVE"
    assert environment(CONFIG)["OMP_NUM_THREADS"] == str(len(os.sched_getaffinity(0)))
    assert environment(replace(CONFIG, replicas=1000))["OMP_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in environment(replace(CONFIG, gpus=1))


def test_each_of_several_cpu_engines_has_its_own_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 5, 8})
    two = replace(CONFIG, replicas=2)
    assert [cores_of(two, replica) for replica in range(2)] == [(2, 3), (5, 8)]
    assert cores_of(replace(two, threads=1), 1) == (3,)
    for free in (CONFIG, replace(two, threads=3), replace(two, gpus=1)):
        assert cores_of(free, 0) == (), "a lone engine, more threads than cores, or a GPU"


def test_an_actor_takes_gpus_and_no_logical_cpus() -> None:
    options = actor_options(replace(CONFIG, gpus=0.5), "run-engine-0")
    assert (options["num_cpus"], options["num_gpus"], options["max_restarts"]) == (0, 0.5, 0)
    assert options["runtime_env"]["env_vars"]["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"


def test_a_learner_is_served_with_adapters_only_where_it_trains_them() -> None:
    config = Config()
    config.train.adapter, config.train.lora.r = Adapter.lora, 16
    assert learner_options(config)["lora_rank"] == 16
    config.train.adapter = Adapter.none
    assert learner_options(config)["lora_rank"] is None
    assert learner_options(config)["seed"] == learner_options(config)["seed"] < 2**31

"""Settings of an engine: vLLM's arguments, the process's environment, and the actor's Ray options."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rise_core.config.choices import Adapter
from rise_core.config.engine_keys import Engine
from rise_core.config.keys import Config, Model
from rise_core.errors import UserError
from rise_core.models.folder import read_json
from rise_core.records import Checkpoint
from rise_core.seeds import seed_of

_BATCHED_TOKENS = 8192  # tokens in one engine step; a prefill batch of a thousand short prompts fits
_CPU_HEAD_SIZES = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)  # of vLLM's CPU attention
_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # the ranks with memory layouts in vLLM
_CONCURRENT_CALLS = 16  # calls that an actor takes at once: shards wait in the engine's queue, not in Ray's


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Everything an actor needs to build the engine."""

    arguments: dict[str, Any]  # of vllm.EngineArgs
    cores: tuple[int, ...]  # to run on; empty: any core


def learner_options(config: Config) -> dict[str, Any]:
    """Keyword arguments of EnginePool, LocalEngine and `engine_arguments` for serving the run's model."""
    train = config.train
    return {
        "config": config.engine,
        "model": config.model,
        "lora_rank": train.lora.r if train.adapter is Adapter.lora else None,
        "seed": seed_of(config.seed, "engine") % 2**31,
    }


def engine_arguments(
    config: Engine, model: Model, checkpoint: Checkpoint, *, lora_rank: int | None, seed: int
) -> dict[str, Any]:
    """Return the arguments of vllm.EngineArgs for one engine.

    Args:
        lora_rank: Rank of the adapters to serve; None: no adapters.

    Raises:
        UserError: Impossible settings.
    """
    _check_model(config, checkpoint)
    arguments: dict[str, Any] = {
        "model": checkpoint.weights_dir,
        "dtype": model.dtype,
        "seed": seed,
        "max_model_len": config.max_model_len,
        "max_num_seqs": config.max_num_seqs,
        "enable_prefix_caching": True,
        # Prompts and responses are token ids; each request brings its own stop tokens, and no others apply.
        "skip_tokenizer_init": True,
        "generation_config": "vllm",
        "load_format": "safetensors",
        "use_tqdm_on_load": False,
        "disable_log_stats": True,
    }
    if lora_rank is not None:
        if lora_rank > _LORA_RANKS[-1]:
            raise UserError(f"config: train.lora.r = {lora_rank} is above {_LORA_RANKS[-1]}, the most an engine serves")
        rank = next(allowed for allowed in _LORA_RANKS if allowed >= lora_rank)
        arguments |= {"enable_lora": True, "max_lora_rank": rank, "max_loras": 1}
    return arguments | (_gpu_arguments(config) if config.gpus > 0 else _cpu_arguments(config))


def environment(config: Engine) -> dict[str, str]:
    """Return the environment variables of an engine's process, for the import of vLLM and torch."""
    variables = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }
    if config.gpus > 0:
        return variables
    # vLLM forbids torch.set_num_threads on the CPU, and Ray would set one thread for an actor without CPUs.
    # Threads that spin while they wait slow an engine several times as soon as other work shares the cores.
    return variables | {"OMP_NUM_THREADS": str(_num_threads(config)), "OMP_WAIT_POLICY": "PASSIVE"}


def cores_of(config: Engine, replica: int) -> tuple[int, ...]:
    """Return the cores of an engine, empty for any core.

    Several CPU engines get separate cores: an engine step ends with the slowest thread, and the kernel sometimes puts
    threads of two engines on the same core. A lone engine, or more threads than cores, gets no fixed cores and can
    move out of the way of other processes.
    """
    cores, threads = sorted(os.sched_getaffinity(0)), _num_threads(config)
    if config.gpus > 0 or config.replicas == 1 or threads * config.replicas > len(cores):
        return ()
    return tuple(cores[replica * threads : (replica + 1) * threads])


def actor_options(config: Engine, name: str) -> dict[str, Any]:
    """Return the Ray options of an engine's actor. The actor dies with the driver, and takes GPUs but no CPUs."""
    return {
        "name": name,
        "num_cpus": 0,
        "num_gpus": config.gpus,
        "max_concurrency": _CONCURRENT_CALLS,
        "max_restarts": 0,
        "scheduling_strategy": "SPREAD",  # over the nodes of a cluster
        "runtime_env": {"env_vars": environment(config)},
    }


def _cpu_arguments(config: Engine) -> dict[str, Any]:
    if config.block_size % 32:
        raise UserError(f"config: engine.block_size = {config.block_size} must be a multiple of 32 on the CPU")
    return {
        "enforce_eager": True,
        "block_size": config.block_size,
        # A prompt split over two steps crashes a CPU engine of vLLM 0.32 when its request has a seed ("CPU Generator
        # does not use offset"). So prompts stay whole, and a step must hold the longest prompt.
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(_BATCHED_TOKENS, config.max_num_seqs, config.max_model_len),
        "kv_cache_memory_bytes": int(config.kv_cache_gib * 2**30),
    }


def _gpu_arguments(config: Engine) -> dict[str, Any]:
    parallel = int(config.gpus) if config.gpus > 1 else 1
    return {
        "max_num_batched_tokens": max(_BATCHED_TOKENS, config.max_num_seqs),
        "gpu_memory_utilization": config.gpu_memory_utilization,
        "enable_sleep_mode": True,
        "tensor_parallel_size": parallel,
        "distributed_executor_backend": "mp" if parallel > 1 else None,
    }


def _check_model(config: Engine, checkpoint: Checkpoint) -> None:
    """Raise UserError for a model beyond the engine's abilities here, before anything starts."""
    path = Path(checkpoint.weights_dir) / "config.json"
    if not path.is_file():
        raise UserError(
            f"checkpoint {checkpoint.checkpoint_id}: {path} does not exist, so this is no folder of weights"
        )
    model = read_json(path)
    longest = model.get("max_position_embeddings")
    is_stretched = "factor" in (model.get("rope_scaling") or model.get("rope_parameters") or {})
    if longest and not is_stretched and config.max_model_len > longest:
        raise UserError(
            f"config: engine.max_model_len = {config.max_model_len} is above {longest}, "
            f"the longest sequence of the model in {checkpoint.weights_dir}"
        )
    heads = model.get("num_attention_heads")
    head_size = model.get("head_dim") or (model.get("hidden_size", 0) // heads if heads else None)
    if config.gpus == 0 and head_size and head_size not in _CPU_HEAD_SIZES:
        raise UserError(
            f"the model in {checkpoint.weights_dir} has attention heads of size {head_size}; "
            f"on the CPU they must have one of {', '.join(map(str, _CPU_HEAD_SIZES))}"
        )


def _num_threads(config: Engine) -> int:
    return config.threads or max(1, len(os.sched_getaffinity(0)) // config.replicas)

"""The process that trains: a Ray task that runs Ray Train, and the function of each Ray Train worker.

With one worker Ray Train calls that function inside the task (local mode, `num_workers=0`), without five helper
processes. With several workers Ray Train starts a group of actors.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray

from rise_core.errors import UserError
from rise_core.text import first_line
from rise_core.training.spec import TrainSpec

_WORKER_CPUS = 0.1  # logical: lets a worker start beside engines; TrainSpec.threads counts the real threads
_START_TIMEOUT = 600  # seconds a group of workers may wait for a place in the cluster

# torch's threads wait asleep. By default they spin, for some milliseconds at each of thousands of waits a second, and
# beside any other busy process a spinning thread holds the core that the thread with the work needs: training becomes
# several times slower (docs/performance.md, "Training beside other work"). OpenMP reads the variable when torch loads.
# Ray's workers begin at niceness 15, which gives every other process the right of way; 0 adds nothing to Ray's own
# niceness: the driver's for a Ray that the run starts, the cluster's under RAY_ADDRESS.
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "RAY_worker_niceness": "0"}


def trainer_task(workers: int, gpus: float) -> Any:
    """Return the Ray task for a training. The task of a single worker takes the worker's resources."""
    alone = workers == 1
    # A process on the CPU stays in Ray's pool, so the next fine-tuning finds torch imported. A process with a GPU ends,
    # because only its end frees the GPU's memory; with a group, only the end stops Ray Train's controller.
    stays = alone and gpus == 0
    return ray.remote(max_calls=0 if stays else 1)(_run_trainer).options(
        name="fine_tune",
        num_cpus=_WORKER_CPUS if alone else 0,
        num_gpus=gpus if alone else 0,
        max_retries=0,
        runtime_env={"env_vars": ENVIRONMENT},  # the actors of a group inherit it
    )


def last_line(error: BaseException) -> str:
    """Return the last line of an error's text: Ray puts the cause after the remote traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _run_trainer(spec: TrainSpec, workers: int, gpus: float, timeout: float, scratch: str) -> dict[str, Any]:
    """Run Ray Train to its end and return the fields of the TrainResult. The caller decides about another try."""
    _set_up_ray_train()
    from ray.train import FailureConfig, LoggingConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchTrainer

    from rise_core.training.process_group import NoStore

    trainer = TorchTrainer(
        _train_worker,
        train_loop_config={"spec": spec, "gpus": gpus, "timeout": timeout, "store": f"{scratch}/store"},
        torch_config=NoStore(),
        scaling_config=ScalingConfig(
            num_workers=0 if workers == 1 else workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": _WORKER_CPUS} | ({"GPU": gpus} if gpus > 0 else {}),
        ),
        run_config=RunConfig(
            name="fit",
            storage_path=scratch,
            failure_config=FailureConfig(max_failures=0, controller_failure_limit=0),
            logging_config=LoggingConfig(log_level="ERROR"),
        ),
    )
    try:
        fields: dict[str, Any] = trainer.fit().return_value
    except TrainingFailedError as error:
        raise _root_cause(error) from error
    return fields


def _set_up_ray_train() -> None:
    """Set the variables that Ray Train reads when a training begins."""
    # By default Ray Train looks at its workers every 2 s only, gives up after 60 s on a busy machine, and starts a
    # process that watches for cloud preemption.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.25")
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", str(_START_TIMEOUT))
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")


def _train_worker(config: dict[str, Any]) -> dict[str, Any]:
    """Train as one Ray Train worker. Ray Train returns the fields of worker 0."""
    from ray.train import get_context
    from ray.train.torch import get_device
    from torch.cuda import OutOfMemoryError

    from rise_core.training.process_group import process_group
    from rise_core.training.trainer import train

    context = get_context()
    rank, workers, local = context.get_world_rank(), context.get_world_size(), context.get_local_world_size()
    device = str(get_device()) if config["gpus"] > 0 else "cpu"
    store = Path(config["store"])
    group = process_group(rank, workers, local, device, store, config["timeout"]) if workers > 1 else nullcontext()
    try:
        with group:
            result = train(config["spec"], rank, workers, lambda _: None, device)  # fit() reads the log: no reports
    except OutOfMemoryError as error:
        raise UserError(
            f"fine-tuning ran out of GPU memory ({first_line(error)}); lower train.micro_rows or "
            "train.row_tokens, or set train.gradient_checkpointing=true"
        ) from error
    return asdict(result)


def _root_cause(error: Exception) -> Exception:
    """Return a worker's UserError where there is one, else the death of the first failed worker."""
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    for failure in failures.values():
        if isinstance(failure, UserError):
            return failure
    if not failures:
        return RuntimeError(last_line(error))
    rank, failure = min(failures.items())
    return RuntimeError(f"worker {rank}: {type(failure).__name__}: {last_line(failure)}")

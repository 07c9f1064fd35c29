"""Runs a fine-tuning with Ray Train (Ray must be connected) and follows its log while it runs.

    warm = warm_up(workers=1, gpus=0)  # where there is other work to do before
    result = fit(spec, workers=1, gpus=0, timeout=3600, progress=print, warm=warm)

The trainer lives in a Ray task of its own, so that the caller imports neither torch nor Ray Train, and so that killing
one process ends everything the trainer started. With several workers Ray Train starts a group of actors; with one it
runs the same function inside that task (its local mode, `num_workers=0`), which spares five helper processes.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent import futures
from contextlib import nullcontext
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from rise.core.errors import TrainerLost, UserError
from rise.core.text import first_line
from rise.core.training.spec import TrainResult, TrainSpec

POLL_SECONDS = 1.0  # between looks at the log; the end is noticed at once
WORKER_CPUS = 0.1  # logical: lets a worker be placed beside engines; its real threads are TrainSpec.threads
STOP_SECONDS = 30
RETURN_SECONDS = 0.2  # after the end of a task its process is back in Ray's pool, for the next one
START_TIMEOUT = 600  # seconds that a group of workers may wait for its place in the cluster


def fit(
    spec: TrainSpec,
    *,
    workers: int,
    gpus: float,
    timeout: float,
    progress: Callable[[dict[str, Any]], None] | None = None,
    warm: ray.ObjectRef | None = None,
) -> TrainResult:
    """Trains `spec` on `workers` Ray Train workers with `gpus` GPUs each (0: CPU) and returns what it made.

    `progress` gets the latest log entry whenever there are new ones, at most once a second; `warm` is of `warm_up`. No
    training is left running when this returns or raises. Raises UserError for what the user can mend (also: `timeout`
    seconds are over) and RuntimeError for the rest, both in one line that names the cause, with Ray's error behind it.
    """
    deadline = time.monotonic() + timeout
    check_gpus(workers * gpus)
    spec = absolute(spec)
    Path(spec.out_dir).mkdir(parents=True, exist_ok=True)
    Path(spec.log_path).unlink(missing_ok=True)
    if warm is not None:
        settle(warm, timeout)
    scratch = tempfile.mkdtemp(prefix=".ray-train-", dir=Path(spec.out_dir).parent)
    running = trainer_task(workers, gpus).remote(spec, workers, gpus, timeout, scratch)
    log = LogReader(Path(spec.log_path), progress)
    try:
        ended = running.future()  # ray.wait() would make a SystemError of what a signal raises in it
        while not futures.wait([ended], timeout=POLL_SECONDS).done:
            log.read()
            if time.monotonic() > deadline:
                state = "was stopped" if log.begun else "had not taken its first step"
                raise UserError(f"fine-tuning {state} after train.timeout = {timeout:g} s; raise it")
        fields = ended.result()
        log.read()
        return TrainResult(**fields)
    except RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(str(error.cause)) from error
        raise RuntimeError(f"fine-tuning failed: {last_line(error)}") from error
    except RayError as error:
        raise TrainerLost(f"fine-tuning's process died: {last_line(error)}") from error
    finally:
        stop(running)
        shutil.rmtree(scratch, ignore_errors=True)  # holds Ray Train's own bookkeeping only


def warm_up(workers: int, gpus: float) -> ray.ObjectRef | None:
    """Has the process that the next `fit` takes import what it needs, beside whatever the caller does meanwhile.

    The result is for `fit`; None where the trainer's process is none that stays: with GPUs, or for a group of workers.
    """
    return remote(import_trainer, "warm_up", workers, gpus).remote() if stays(workers, gpus) else None


def settle(warm: ray.ObjectRef, timeout: float) -> None:
    """Waits until the warm process can be taken. What failed in it fails again where it matters."""
    if futures.wait([warm.future()], timeout=timeout).done:
        time.sleep(RETURN_SECONDS)
    else:
        stop(warm)


def import_trainer() -> None:
    """What `run_trainer` and `train_worker` import."""
    set_up_ray_train()
    for module in ("ray.train.torch", "rise.core.training.trainer", "rise.core.training.process_group"):
        import_module(module)


def trainer_task(workers: int, gpus: float) -> Any:
    """The Ray task that the trainer runs in; with one worker it is the worker, and takes the worker's resources."""
    return remote(run_trainer, "fine_tune", workers, gpus)


def remote(function: Callable[..., Any], name: str, workers: int, gpus: float) -> Any:
    alone = workers == 1
    return ray.remote(max_calls=0 if stays(workers, gpus) else 1)(function).options(
        name=name, num_cpus=WORKER_CPUS if alone else 0, num_gpus=gpus if alone else 0, max_retries=0
    )


def stays(workers: int, gpus: float) -> bool:
    """Whether the process stays in Ray's pool, so that the next task finds its imports done. With a GPU it must end, to
    free the GPU's memory, and with a group, to let go of Ray Train's controller."""
    return workers == 1 and gpus == 0


def stop(running: ray.ObjectRef) -> None:
    """Kills the task, and with it every process that it owns, unless it has ended."""
    # Asked for first: Ray 2.60 aborts the whole caller when a task is cancelled whose end it is just being told of.
    if not ray.wait([running], timeout=0)[0]:
        ray.cancel(running, force=True)
        ray.wait([running], timeout=STOP_SECONDS)


def check_gpus(needed: float) -> None:
    """Refuses what the cluster can never place: Ray would wait for it until the timeout."""
    total = ray.cluster_resources().get("GPU", 0)
    if needed > total:
        raise UserError(
            f"config: train.workers x train.gpus needs {needed:g} GPUs, the Ray cluster has {total:g}; lower them"
        )


def absolute(spec: TrainSpec) -> TrainSpec:
    """The spec with absolute paths: Ray Train moves its workers to a folder of their own."""
    paths = {name: os.path.abspath(getattr(spec, name)) for name in ("rows_path", "weights_dir", "out_dir", "log_path")}
    return replace(spec, adapter_dir=spec.adapter_dir and os.path.abspath(spec.adapter_dir), **paths)


def run_trainer(spec: TrainSpec, workers: int, gpus: float, timeout: float, scratch: str) -> dict[str, Any]:
    """Runs Ray Train to its end; the fields of the TrainResult. A failed training is the caller's to retry."""
    set_up_ray_train()
    from ray.train import FailureConfig, LoggingConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchTrainer

    from rise.core.training.process_group import NoStore

    trainer = TorchTrainer(
        train_worker,
        train_loop_config={"spec": spec, "gpus": gpus, "timeout": timeout, "store": f"{scratch}/store"},
        torch_config=NoStore(),
        scaling_config=ScalingConfig(
            num_workers=0 if workers == 1 else workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": WORKER_CPUS} | ({"GPU": gpus} if gpus > 0 else {}),
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
        raise root_cause(error) from error
    return fields


def set_up_ray_train() -> None:
    """Ray Train reads these from the environment of whoever calls fit(). By default it looks at its workers every 2 s
    only, gives up after 60 s on a busy machine, and starts a process that watches for cloud preemption."""
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.25")
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", str(START_TIMEOUT))
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")


def train_worker(config: dict[str, Any]) -> dict[str, Any]:
    """What every worker runs; the return value of worker 0 is the trainer's."""
    from ray.train import get_context
    from ray.train.torch import get_device
    from torch.cuda import OutOfMemoryError

    from rise.core.training.process_group import process_group
    from rise.core.training.trainer import train

    context = get_context()
    rank, workers, here = context.get_world_rank(), context.get_world_size(), context.get_local_world_size()
    device = str(get_device()) if config["gpus"] > 0 else "cpu"
    store = Path(config["store"])
    group = process_group(rank, workers, here, device, store, config["timeout"]) if workers > 1 else nullcontext()
    try:
        with group:
            result = train(config["spec"], rank, workers, lambda _: None, device)  # fit() reads the log: no reports
    except OutOfMemoryError as error:
        raise UserError(
            f"fine-tuning ran out of GPU memory ({first_line(error)}); lower train.micro_rows or "
            "train.row_tokens, or set train.gradient_checkpointing=true"
        ) from error
    return asdict(result)


class LogReader:
    """Reads a growing file of JSON lines and hands on the latest entry."""

    def __init__(self, path: Path, progress: Callable[[dict[str, Any]], None] | None) -> None:
        self._path = path
        self._progress = progress
        self._position = 0

    @property
    def begun(self) -> bool:
        """Whether there was any entry yet."""
        return self._position > 0

    def read(self) -> None:
        """Reads on from where the last call stopped."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._position)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]  # the last line may be half written
        if whole:
            self._position += len(whole)
            if self._progress is not None:
                self._progress(json.loads(whole.splitlines()[-1]))


def root_cause(error: Exception) -> Exception:
    """A failed worker's own error, if one is the user's to mend, else what the first failed worker died of."""
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    for failure in failures.values():
        if isinstance(failure, UserError):
            return failure
    if not failures:
        return RuntimeError(last_line(error))
    rank, failure = min(failures.items())
    return RuntimeError(f"worker {rank}: {type(failure).__name__}: {last_line(failure)}")


def last_line(error: BaseException) -> str:
    """The last line of an error's text, where Ray puts the cause after the remote traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__

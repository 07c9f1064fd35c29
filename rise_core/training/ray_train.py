"""Runs one fine-tuning on Ray Train and follows its log (Ray must be connected).

    result = fit(spec, workers=1, gpus=0, timeout=3600, progress=print)

`fit` gets everything in the spec and hands back a TrainResult. Training runs in a Ray task of its own
(training/trainer_process.py): the caller imports neither torch nor Ray Train, and the end of one process ends
everything that the training started.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent import futures
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from rise_core.errors import TrainerLost, UserError
from rise_core.training.log import LogReader
from rise_core.training.spec import TrainResult, TrainSpec
from rise_core.training.trainer_process import last_line, trainer_task

_POLL_SECONDS = 1.0  # between looks at the log; the end of the training is noticed at once
_STOP_SECONDS = 30


def fit(
    spec: TrainSpec,
    *,
    workers: int,
    gpus: float,
    timeout: float,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> TrainResult:
    """Train `spec` on Ray Train workers and wait for the end.

    No training is left running when the call returns or raises.

    Args:
        workers: Number of Ray Train workers.
        gpus: GPUs of each worker; 0 trains on the CPU.
        timeout: Seconds from the call to the last step.
        progress: Gets the latest log entry whenever the log grew, at most once a second.

    Raises:
        UserError: The rows, the weights, the settings or the cluster do not allow the training, or `timeout` is over.
        TrainerLost: The training process died.
        RuntimeError: Any other failure; one line with the cause.
    """
    deadline = time.monotonic() + timeout
    _check_gpus(workers * gpus)
    spec = _absolute(spec)
    Path(spec.out_dir).mkdir(parents=True, exist_ok=True)
    Path(spec.log_path).unlink(missing_ok=True)
    scratch = tempfile.mkdtemp(prefix=".ray-train-", dir=Path(spec.out_dir).parent)
    task = trainer_task(workers, gpus).remote(spec, workers, gpus, timeout, scratch)
    log = LogReader(Path(spec.log_path), progress)
    try:
        end = task.future()  # ray.wait() turns an exception raised by a signal handler into a SystemError
        while not futures.wait([end], timeout=_POLL_SECONDS).done:
            log.read()
            if time.monotonic() > deadline:
                state = "was stopped" if log.begun else "had not taken its first step"
                raise UserError(f"fine-tuning {state} after train.timeout = {timeout:g} s; raise it")
        fields = end.result()
        log.read()
        return TrainResult(**fields)
    except RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(str(error.cause)) from error
        raise RuntimeError(f"fine-tuning failed: {last_line(error)}") from error
    except RayError as error:
        raise TrainerLost(f"fine-tuning's process died: {last_line(error)}") from error
    finally:
        _stop(task)
        shutil.rmtree(scratch, ignore_errors=True)  # only Ray Train's bookkeeping


def _check_gpus(gpus: float) -> None:
    """Raise UserError where the cluster has too few GPUs: Ray would wait for them until the timeout."""
    total = ray.cluster_resources().get("GPU", 0)
    if gpus > total:
        raise UserError(
            f"config: train.workers x train.gpus needs {gpus:g} GPUs, the Ray cluster has {total:g}; lower them"
        )


def _absolute(spec: TrainSpec) -> TrainSpec:
    """Return the spec with absolute paths: Ray Train's workers run in a folder of their own."""
    paths = {name: os.path.abspath(getattr(spec, name)) for name in ("rows_path", "weights_dir", "out_dir", "log_path")}
    return replace(spec, adapter_dir=spec.adapter_dir and os.path.abspath(spec.adapter_dir), **paths)


def _stop(task: ray.ObjectRef) -> None:
    """Kill a task and every process it owns, unless the task has ended."""
    # The look comes first: Ray 2.60 aborts the whole caller when a task is cancelled at the moment of its end.
    if not ray.wait([task], timeout=0)[0]:
        ray.cancel(task, force=True)
        ray.wait([task], timeout=_STOP_SECONDS)

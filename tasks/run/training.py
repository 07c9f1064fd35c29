"""A fine-tuning, from rows to a published checkpoint. Stages `fine_tune` and `prepare` (boost) share these steps."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
from prefect import get_run_logger

from rise_core.config.keys import Config
from rise_core.config.training_keys import Train
from rise_core.records import Checkpoint, TrainRow
from rise_core.training.ray_train import fit
from rise_core.training.row_file import write_rows
from rise_core.training.schedule import step_count
from rise_core.training.spec import ROWS_FILE, TrainResult, TrainSpec, train_spec
from storage import checkpoints, publishing
from storage.home import Home
from storage.lake import Lake
from tasks.run.progress import Progress

_LOG_SECONDS = 10.0  # between two log lines of a fine-tuning


def write_spec(folder: Path, config: Config, rows: Iterable[TrainRow], start: Checkpoint) -> TrainSpec:
    """Write the training rows to disk and describe the fine-tuning for the workers.

    Args:
        folder: Gets rows, log and output; emptied first. The folder's name keys the seed.
        start: The weights, and under LoRA the adapter, to start from.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_rows(folder / ROWS_FILE, rows)
    return train_spec(config, folder, start)


def train(spec: TrainSpec, settings: Train, progress: Progress, label: str) -> TrainResult:
    """Run a fine-tuning on the Ray Train workers. Progress is in the log and in the UI.

    Args:
        settings: Workers, GPUs and the time limit.
        label: Begins the log lines, such as "iteration 1".
    """
    logger = get_run_logger()
    steps = step_count(pq.read_metadata(spec.rows_path).num_rows, spec.optim)
    progress.begin("training", f"{label.capitalize()}, training: optimiser steps", steps)
    result = fit(
        spec,
        workers=settings.workers,
        gpus=settings.gpus,
        timeout=settings.timeout,
        progress=_reporter(progress, label),
    )
    progress.reach(result.steps)
    logger.info("%s: %d steps, %d tokens in %.1f s", label, result.steps, result.tokens, result.seconds)
    return result


def _reporter(progress: Progress, label: str) -> Callable[[dict[str, float]], None]:
    """A function that reports an entry of the training log, at most every ten seconds."""
    logger = get_run_logger()
    reported = time.monotonic()

    def report(entry: dict[str, float]) -> None:
        nonlocal reported
        if time.monotonic() - reported < _LOG_SECONDS:
            return
        reported = time.monotonic()
        progress.reach(int(entry["step"]))
        logger.info("%s: step %d, loss %.4f, %d tokens", label, entry["step"], entry["loss"], entry["tokens"])

    return report


def publish(
    home: Home, lake: Lake, run: str, iteration: int, folder: Path, result: TrainResult | None, base_id: str | None
) -> None:
    """Move a built model under its hash, and commit the row of table `checkpoints`.

    Args:
        folder: The model or adapter; on the home's file system.
        result: The fine-tuning; None for a base model without boost.
        base_id: The checkpoint under an adapter; None for full weights.
    """
    published = publishing.publish(home.path, folder)
    checkpoints.append(
        lake,
        checkpoints.CheckpointRecord(
            run=run,
            iteration=iteration,
            kind="full" if base_id is None else "adapter",
            base_id=base_id,
            steps=result.steps if result else 0,
            tokens=result.tokens if result else 0,
            seconds=result.seconds if result else 0.0,
            training_log=result.log if result else [],
            **asdict(published),
        ),
    )

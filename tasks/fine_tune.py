"""Stage `fine_tune`: reward-weighted regression on the examples; the result is checkpoint k."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
from prefect import get_run_logger

from rise.core.config.choices import TrainData, TrainInit
from rise.core.method.weights import reward_weights
from rise.core.models import folder
from rise.core.records import Checkpoint, TrainRow
from rise.core.training.ray_train import fit, warm_up
from rise.core.training.row_file import example_rows, write_rows
from rise.core.training.schedule import step_count
from rise.core.training.spec import ROWS_FILE, TrainResult, TrainSpec, train_spec
from rise.storage import checkpoints, examples
from rise.storage.publishing import publish as publish_folder
from rise.tasks.run.context import RunContext
from rise.tasks.run.stage import stage

EVERY = 10.0  # seconds between lines about a fine-tuning's progress


@stage("fine_tune {context.run} {iteration}")
def fine_tune(context: RunContext, iteration: int) -> None:
    """Train checkpoint `iteration` and publish it, unless the lake has it."""
    if checkpoints.has(context.lake, context.run, iteration):
        return
    plan = plan_training(context, iteration)
    context.release()
    result = run_training(context, plan, f"iteration {iteration}")
    if result.kind == "full":
        folder.copy_companions(context.base_folder, Path(result.out_dir))
    publish(context, iteration, Path(result.out_dir), result)
    if context.engines is not None:  # last: what was trained is safe, whatever becomes of the engines
        context.engines.resume()


def warm_up_trainer(context: RunContext, iteration: int) -> None:
    """Have the trainer's process import torch beside the stages between sampling and `fine_tune`."""
    if not checkpoints.has(context.lake, context.run, iteration):
        context.warm_trainer = warm_up(context.config.train.workers, context.config.train.gpus)


def plan_training(context: RunContext, iteration: int) -> TrainSpec:
    """What checkpoint `iteration` is trained on and from: the examples of `train.data`, the weights of `train.init`."""
    train = context.config.train
    iterations = list(range(1, iteration + 1)) if train.data is TrainData.all else [iteration]
    rewards = examples.read_rewards(context.lake, context.run, iterations)
    weights = reward_weights(rewards, train.tau, train.normalise)
    start = context.policy(iteration - 1 if train.init is TrainInit.previous else 0)
    get_run_logger().info("iteration %d: %d examples, from checkpoint %s", iteration, len(rewards), start.checkpoint_id)
    rows = example_rows(examples.read(context.lake, context.run, iterations), weights)
    return training_spec(context, f"iteration-{iteration}", rows, start)


def training_spec(context: RunContext, name: str, rows: Iterable[TrainRow], start: Checkpoint) -> TrainSpec:
    """Describe one fine-tuning of `start`; its rows are written out, its folder is emptied first."""
    work = context.folder / "training" / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    write_rows(work / ROWS_FILE, rows)
    return train_spec(context.config, work, start)


def run_training(context: RunContext, plan: TrainSpec, label: str) -> TrainResult:
    """Run one fine-tuning on the Ray Train workers, logging as it goes."""
    logger = get_run_logger()
    train = context.config.train

    steps = step_count(pq.read_metadata(plan.rows_path).num_rows, plan.optim)
    context.progress.begin("training", f"{label.capitalize()}, training: optimiser steps", steps)
    shown = time.monotonic()

    def progress(entry: dict[str, float]) -> None:
        nonlocal shown
        if time.monotonic() - shown < EVERY:
            return
        shown = time.monotonic()
        context.progress.reach(int(entry["step"]))
        logger.info("%s: step %d, loss %.4f, %d tokens", label, entry["step"], entry["loss"], entry["tokens"])

    warm, context.warm_trainer = context.warm_trainer, None  # a training that is tried again does without
    result = fit(plan, workers=train.workers, gpus=train.gpus, timeout=train.timeout, progress=progress, warm=warm)
    context.progress.reach(result.steps)
    logger.info("%s: %d steps, %d tokens in %.1f s", label, result.steps, result.tokens, result.seconds)
    return result


def publish(context: RunContext, iteration: int, built: Path, result: TrainResult | None = None) -> None:
    """Move a built model to its place under its content's hash and list it in the lake."""
    kind: Literal["full", "adapter"] = "adapter" if result is not None and result.kind == "adapter" else "full"
    placed = publish_folder(context.home.path, built)
    checkpoints.append(
        context.lake,
        checkpoints.CheckpointRecord(
            run=context.run,
            iteration=iteration,
            kind=kind,
            base_id=context.checkpoint(0).checkpoint_id if kind == "adapter" else None,
            steps=result.steps if result else 0,
            tokens=result.tokens if result else 0,
            seconds=result.seconds if result else 0.0,
            training_log=result.log if result else [],
            **asdict(placed),
        ),
    )

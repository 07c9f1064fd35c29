"""Stage `fine_tune`: reward-weighted regression on the examples; the result is checkpoint k."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
from prefect import get_run_logger

from rise_core.config import Adapter, TrainData, TrainInit
from rise_core.models import folder
from rise_core.records import Example, TrainRow
from rise_core.seeds import seed_of
from rise_core.training.job import TrainJob, TrainResult
from rise_core.training.ray_train import fit, warm_up
from rise_core.training.rows import write_rows
from rise_core.training.schedule import step_count
from rise_core.training.weights import reward_weights
from storage import checkpoints, examples
from tasks.job import Job
from tasks.stage import stage

EVERY = 10.0  # seconds between lines about a fine-tuning's progress


@stage("fine_tune {job.run} {iteration}")
def fine_tune(job: Job, iteration: int) -> None:
    """Train checkpoint `iteration` and publish it, unless the lake has it."""
    if checkpoints.get(job.lake, job.run, iteration) is not None:
        return
    plan = plan_training(job, iteration)
    job.release()
    result = run_training(job, plan, f"iteration {iteration}")
    if result.kind == "full":
        folder.copy_companions(job.base_folder, Path(result.out_dir))
    publish(job, iteration, Path(result.out_dir), result)
    if job.engines is not None:  # last: what was trained is safe, whatever becomes of the engines
        job.engines.resume()


def warm_up_trainer(job: Job, iteration: int) -> None:
    """Have the trainer's process import torch beside the stages between sampling and `fine_tune`."""
    if checkpoints.get(job.lake, job.run, iteration) is None:
        job.warm_trainer = warm_up(job.config.train.workers, job.config.train.gpus)


def plan_training(job: Job, iteration: int) -> TrainJob:
    """What checkpoint `iteration` is trained on and from: the examples of `train.data`, the weights of `train.init`."""
    train = job.config.train
    iterations = list(range(1, iteration + 1)) if train.data is TrainData.all else [iteration]
    rewards = examples.read_rewards(job.lake, job.run, iterations)
    weights = reward_weights(rewards, train.tau, train.normalise)
    start = job.policy(iteration - 1 if train.init is TrainInit.previous else 0)
    get_run_logger().info("iteration %d: %d examples, from checkpoint %s", iteration, len(rewards), start.checkpoint_id)
    rows = training_rows(examples.read_examples(job.lake, job.run, iterations), weights)
    return training_job(job, f"iteration-{iteration}", rows, start.weights_dir, start.adapter_dir)


def training_rows(chosen: Iterable[Example], weights: Iterable[float]) -> Iterator[TrainRow]:
    """Examples as token sequences with loss on the response and its end-of-turn token, nothing else."""
    for example, weight in zip(chosen, weights, strict=True):
        mask = [False] * len(example.state_ids) + [True] * len(example.response_ids)
        yield TrainRow([*example.state_ids, *example.response_ids], mask, weight)


def training_job(job: Job, name: str, rows: Iterable[TrainRow], weights_dir: str, adapter_dir: str | None) -> TrainJob:
    """One fine-tuning as the training workers take it; its rows are written out, its output folder is emptied."""
    work = job.folder / "training" / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    write_rows(str(work / "rows.parquet"), rows)
    train = job.config.train
    return TrainJob(
        rows_path=str(work / "rows.parquet"),
        weights_dir=weights_dir,
        adapter_dir=adapter_dir if train.adapter is Adapter.lora else None,
        adapter=train.adapter,
        lora=train.lora,
        loss=train.loss,
        optim=train.optim,
        row_tokens=train.row_tokens,
        micro_rows=train.micro_rows,
        dtype=job.config.model.dtype,
        gradient_checkpointing=train.gradient_checkpointing,
        seed=seed_of(job.config.seed, "train", name),
        out_dir=str(work / "out"),
        threads=train.threads,
        log_path=str(work / "log.jsonl"),
    )


def run_training(job: Job, plan: TrainJob, label: str) -> TrainResult:
    """Run one fine-tuning on the Ray Train workers, logging as it goes."""
    logger = get_run_logger()
    train = job.config.train

    steps = step_count(pq.read_metadata(plan.rows_path).num_rows, plan.optim)
    job.progress.begin("training", f"{label.capitalize()}, training: optimiser steps", steps)
    shown = time.monotonic()

    def progress(entry: dict[str, float]) -> None:
        nonlocal shown
        if time.monotonic() - shown < EVERY:
            return
        shown = time.monotonic()
        job.progress.reach(int(entry["step"]))
        logger.info("%s: step %d, loss %.4f, %d tokens", label, entry["step"], entry["loss"], entry["tokens"])

    warm, job.warm_trainer = job.warm_trainer, None  # a training that is tried again does without
    result = fit(plan, workers=train.workers, gpus=train.gpus, timeout=train.timeout, progress=progress, warm=warm)
    job.progress.reach(result.steps)
    logger.info("%s: %d steps, %d tokens in %.1f s", label, result.steps, result.tokens, result.seconds)
    return result


def publish(job: Job, iteration: int, built: Path, result: TrainResult | None = None) -> None:
    """Move a built model to its place under its content's hash and list it in the lake."""
    kind: Literal["full", "adapter"] = "adapter" if result is not None and result.kind == "adapter" else "full"
    placed = checkpoints.publish(job.home.path, built)
    checkpoints.record(
        job.lake,
        checkpoints.CheckpointRecord(
            run=job.run,
            iteration=iteration,
            kind=kind,
            base_id=job.checkpoint(0).checkpoint_id if kind == "adapter" else None,
            steps=result.steps if result else 0,
            tokens=result.tokens if result else 0,
            seconds=result.seconds if result else 0.0,
            training_log=result.log if result else [],
            **asdict(placed),
        ),
    )

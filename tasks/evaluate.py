"""Stage `evaluate`: the metrics of a checkpoint, from its graded responses to the held-out problems."""

from __future__ import annotations

from prefect import get_run_logger

from rise_core.method.metrics import compute_by_shard
from rise_core.records import Purpose
from rise_core.seeds import seed_of
from storage import metric_rows, rollouts
from tasks.run.context import RunContext
from tasks.run.stage import stage

_PURPOSES = (Purpose.EVAL_SEQUENTIAL.value, Purpose.EVAL_PARALLEL.value)


@stage("evaluate {context.name} {iteration}")
def evaluate(context: RunContext, iteration: int) -> None:
    """Compute and commit every metric of an iteration on the context's split."""
    lake, run, split, settings = context.lake, context.name, context.split, context.config.eval
    scored = rollouts.read_scored(lake, run, iteration, *_PURPOSES, split=split)

    metrics = compute_by_shard(
        scored,
        split=split,
        turns=settings.turns,
        samples=settings.samples,
        bootstrap=settings.bootstrap,
        seed=seed_of(context.config.seed, "bootstrap"),
    )

    version = metric_rows.replace(lake, run, iteration, metrics)
    get_run_logger().info("iteration %d: %d metrics are version %d of the lake", iteration, len(metrics), version)

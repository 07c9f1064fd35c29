"""Stage `evaluate`: the metrics of a checkpoint from its graded evaluation responses."""

from __future__ import annotations

from prefect import get_run_logger

from rise.core.method.metrics import compute_by_shard
from rise.core.records import Purpose
from rise.core.seeds import seed_of
from rise.storage import metric_rows, rollouts
from rise.tasks.run.context import RunContext
from rise.tasks.run.stage import stage


@stage("evaluate {context.run} {iteration}")
def evaluate(context: RunContext, iteration: int) -> None:
    """Compute and commit every metric of the iteration on the context's split."""
    purposes = (Purpose.EVAL_SEQUENTIAL.value, Purpose.EVAL_PARALLEL.value)
    ev = context.config.eval
    found = compute_by_shard(
        rollouts.read_scored(context.lake, context.run, iteration, *purposes, split=context.split),
        split=context.split,
        turns=ev.turns,
        samples=ev.samples,
        bootstrap=ev.bootstrap,
        seed=seed_of(context.config.seed, "bootstrap"),
    )
    version = metric_rows.replace(context.lake, context.run, iteration, found)
    get_run_logger().info("iteration %d: %d metrics are version %d of the lake", iteration, len(found), version)

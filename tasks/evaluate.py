"""Stage `evaluate`: the metrics of a checkpoint from its graded evaluation responses."""

from __future__ import annotations

from prefect import get_run_logger

from rise_core.metrics import compute_by_shard
from rise_core.records import Purpose
from rise_core.seeds import seed_of
from storage import metrics, rollouts
from tasks.job import Job
from tasks.stage import stage


@stage("evaluate {job.run} {iteration}")
def evaluate(job: Job, iteration: int) -> None:
    """Compute and commit every metric of the iteration on the job's split."""
    purposes = (Purpose.EVAL_SEQUENTIAL.value, Purpose.EVAL_PARALLEL.value)
    ev = job.config.eval
    found = compute_by_shard(
        rollouts.read_scored(job.lake, job.run, iteration, *purposes, split=job.split),
        split=job.split,
        turns=ev.turns,
        samples=ev.samples,
        bootstrap=ev.bootstrap,
        seed=seed_of(job.config.seed, "bootstrap"),
    )
    version = metrics.write_metrics(job.lake, job.run, iteration, found)
    get_run_logger().info("iteration %d: %d metrics are version %d of the lake", iteration, len(found), version)

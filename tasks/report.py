"""Stage `report`: the metrics table of a run, for people and for the Prefect UI."""

from __future__ import annotations

from prefect import get_run_logger
from prefect.artifacts import create_table_artifact

from rise_core.metrics import Metric
from storage import metrics
from tasks.job import Job
from tasks.stage import stage


@stage("report {job.run} {iteration}")
def report(job: Job, iteration: int) -> None:
    """Attach the metrics of every iteration so far to the flow run, under a key that stays the same over time."""
    rows = [as_row(k, metric) for k, metric in metrics.read_metrics(job.lake, job.run)]
    create_table_artifact(
        key=f"rise-{job.run.lower().replace('_', '-')}-metrics",
        table=rows,
        description=f"Metrics of run {job.run} in percent, up to iteration {iteration}",
    )
    get_run_logger().info("iteration %d: complete at version %d of the lake", iteration, job.lake.version())


def as_row(iteration: int, metric: Metric) -> dict[str, str | float]:
    low, high = percent(metric.ci_low), percent(metric.ci_high)
    return {"iteration": iteration, "metric": metric.metric, "value": percent(metric.value), "low": low, "high": high}


def percent(share: float) -> float:
    return round(100 * share, 1)

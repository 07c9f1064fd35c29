"""Stage `tidy`: compact the small Parquet files that an iteration's commits left in the lake."""

from __future__ import annotations

from prefect import get_run_logger

from storage.maintenance import compact
from tasks.run.context import RunContext
from tasks.run.stage import stage


@stage("tidy {context.name} {iteration}")
def tidy(context: RunContext, iteration: int) -> None:
    """Merge the lake's small files, of this run and of others. Every version stays readable."""
    before, after = compact(context.lake, context.name, iteration)
    if after < before:
        get_run_logger().info("iteration %d: %d files of the lake are %d now", iteration, before, after)

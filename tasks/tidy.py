"""Stage `tidy`: what an iteration has committed becomes a few files of the lake."""

from __future__ import annotations

from prefect import get_run_logger

from rise.storage import maintenance as files
from rise.tasks.run.context import RunContext
from rise.tasks.run.stage import stage


@stage("tidy {context.run} {iteration}")
def tidy(context: RunContext, iteration: int) -> None:
    """Merge the many small files that sampling and selecting wrote, here and in other runs."""
    before, after = files.tidy(context.lake, context.run, iteration)
    if after < before:
        get_run_logger().info("iteration %d: %d files of the lake are %d now", iteration, before, after)

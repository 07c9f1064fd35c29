"""Stage `tidy`: what an iteration has committed becomes a few files of the lake."""

from __future__ import annotations

from prefect import get_run_logger

from storage import tidy as files
from tasks.job import Job
from tasks.stage import stage


@stage("tidy {job.run} {iteration}")
def tidy(job: Job, iteration: int) -> None:
    """Merge the many small files that sampling and selecting wrote, here and in other runs."""
    before, after = files.tidy(job.lake, job.run, iteration)
    if after < before:
        get_run_logger().info("iteration %d: %d files of the lake are %d now", iteration, before, after)

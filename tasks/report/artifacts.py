"""Stage `report`: the page of a run, and its metrics, main plot and link as artifacts in the Prefect UI.

RISE_REPORTS_URL is the address of a web server that shows the pages of this home, such as the one of `make server`.
Without the variable there is no link: a browser opens no file from Prefect's UI.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from prefect import get_run_logger
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from rise_core.records import Metric
from rise_core.text import one_line
from storage import metric_rows
from storage.lake import Lake
from tasks.report.chart_rows import stage_times
from tasks.report.page import write_page
from tasks.report.picture import main_plot, png
from tasks.run.context import RunContext
from tasks.run.progress import artifact_key
from tasks.run.stage import stage


@stage("report {context.name} {iteration}")
def report(context: RunContext, iteration: int) -> None:
    """Write the page of a run, and attach artifacts under stable keys.

    Artifacts: `metrics` (table), `plot` (picture), `report` (path and times), `page` (link).
    """
    run, lake = context.name, context.lake
    page = write_page(lake, run, context.home.report(run), context.home.cache)
    create_table_artifact(
        key=artifact_key(run, "metrics"),
        table=_metrics_table(metric_rows.read(lake, run)),
        description=f"Metrics of run {run} in percent, up to iteration {iteration}",
    )
    create_markdown_artifact(
        key=artifact_key(run, "plot"),
        markdown=_plot_markdown(lake, run),
        description=f"Accuracy of run {run}, up to iteration {iteration}",
    )
    create_markdown_artifact(
        key=artifact_key(run, "report"),
        markdown=report_markdown(lake, run, page),
        description=f"Page, version and time by stage of run {run}",
    )
    link = page_link(run)
    if link:
        create_link_artifact(
            key=artifact_key(run, "page"),
            link=link,
            link_text=f"Page of run {run}: charts and all rollouts",
            description=f"Page of run {run}, as of its newest iteration",
        )
    get_run_logger().info(
        "iteration %d: complete at version %d of the lake; page: %s", iteration, lake.version(), link or page
    )


def page_link(run: str) -> str:
    """Return the URL of a run's page, or "" without a web server for pages."""
    base = os.environ.get("RISE_REPORTS_URL", "").rstrip("/")
    return f"{base}/runs/{run}/report.html" if base else ""


def report_markdown(lake: Lake, run: str, page: Path) -> str:
    """Compose a text: the page's path, the lake's version, the minutes of each stage."""
    times = "".join(
        f"| {row['iteration']} | {row['stage'].replace('_', ' ')} | {row['minutes']:.2f} |\n"
        for row in stage_times(lake, run)
    )
    return (
        f"The page with charts and all rollouts, on the machine that ran this:\n\n    {one_line(str(page))}\n\n"
        f"Version {lake.version()} of the lake.\n\n"
        f"| iteration | stage | minutes |\n|---:|---|---:|\n{times}"
    )


def _metrics_table(rows: list[tuple[int, Metric]]) -> list[dict[str, str | float]]:
    """Turn (iteration, metric) rows into a table in percent, newest iteration first."""
    return [
        {
            "iteration": iteration,
            "metric": metric.metric,
            "value": _percent(metric.value),
            "low": _percent(metric.ci_low),
            "high": _percent(metric.ci_high),
        }
        for iteration, metric in sorted(rows, key=lambda row: -row[0])
    ]


def _percent(share: float) -> float:
    return round(100 * share, 1)


def _plot_markdown(lake: Lake, run: str) -> str:
    # Prefect's image artifacts take public addresses only, so the text itself holds the picture.
    picture = base64.b64encode(png(main_plot(lake, run), scale=1)).decode()
    return f"![Accuracy by turn, and turns against parallel samples by iteration](data:image/png;base64,{picture})\n"

"""Stage `report`: the metrics and the main plot of a run in the Prefect UI, its page among the run's files, and a link.

RISE_REPORTS_URL is the address under which a web server shows the pages of this home, as `make server` does. Without it
there is no link: a browser opens no file from Prefect's UI.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from prefect import get_run_logger
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from rise.core.method.metrics import Metric
from rise.core.text import one_line
from rise.storage import metric_rows
from rise.storage.lake import Lake
from rise.tasks.run.context import RunContext
from rise.tasks.run.progress import artifact_key
from rise.tasks.run.stage import stage


@stage("report {context.run} {iteration}")
def report(context: RunContext, iteration: int) -> None:
    """Write the run's page, and attach metrics, main plot, the page's place and link to the flow run, each under a key
    that stays the same over time."""
    from rise.tasks.report import write_page  # Altair comes with it: not before the first report

    page = write_page(context.lake, context.run, context.home.report(context.run), context.home.cache)
    create_table_artifact(
        key=artifact_key(context.run, "metrics"),
        table=newest_first(metric_rows.read(context.lake, context.run)),
        description=f"Metrics of run {context.run} in percent, up to iteration {iteration}",
    )
    create_markdown_artifact(
        key=artifact_key(context.run, "plot"),
        markdown=plot_markdown(context.lake, context.run),
        description=f"Accuracy of run {context.run}, up to iteration {iteration}",
    )
    create_markdown_artifact(
        key=artifact_key(context.run, "report"),
        markdown=report_markdown(context.lake, context.run, page),
        description=f"Page, version and time by stage of run {context.run}",
    )
    link = page_link(context.run)
    if link:
        create_link_artifact(
            key=artifact_key(context.run, "page"),
            link=link,
            link_text=f"Page of run {context.run}: charts and all rollouts",
            description=f"Page of run {context.run}, as of its newest iteration",
        )
    get_run_logger().info(
        "iteration %d: complete at version %d of the lake; page: %s", iteration, context.lake.version(), link or page
    )


def page_link(run: str) -> str:
    """Where a browser opens the run's page; "" where no web server shows it."""
    base = os.environ.get("RISE_REPORTS_URL", "").rstrip("/")
    return f"{base}/runs/{run}/report.html" if base else ""


def newest_first(found: list[tuple[int, Metric]]) -> list[dict[str, str | float]]:
    return [as_row(iteration, metric) for iteration, metric in sorted(found, key=lambda each: -each[0])]


def as_row(iteration: int, metric: Metric) -> dict[str, str | float]:
    low, high = percent(metric.ci_low), percent(metric.ci_high)
    return {"iteration": iteration, "metric": metric.metric, "value": percent(metric.value), "low": low, "high": high}


def percent(share: float) -> float:
    return round(100 * share, 1)


def plot_markdown(lake: Lake, run: str) -> str:
    """The main plot inside the text: Prefect's image artifacts take only public addresses."""
    from rise.tasks.report import plot

    picture = base64.b64encode(plot.png(plot.main_plot(lake, run), scale=1)).decode()
    return f"![Accuracy by turn, and turns against parallel samples by iteration](data:image/png;base64,{picture})\n"


def report_markdown(lake: Lake, run: str, page: Path) -> str:
    """Where the page lies, the lake's version, and the time by stage."""
    from rise.tasks.report import data

    times = "".join(
        f"| {row['iteration']} | {row['stage'].replace('_', ' ')} | {row['minutes']:.2f} |\n"
        for row in data.stage_times(lake, run)
    )
    place = one_line(str(page))
    return (
        f"The page with charts and all rollouts, on the machine that ran this:\n\n    {place}\n\n"
        f"Version {lake.version()} of the lake.\n\n"
        f"| iteration | stage | minutes |\n|---:|---|---:|\n{times}"
    )

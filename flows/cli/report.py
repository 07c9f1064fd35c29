"""`rise report`: the metrics of a run as a table, and its page."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.messages import one_line_errors
from flows.cli.options import HomeOption, RunArgument
from flows.local.environment import use_home
from rise_core.records import EVAL_SPLIT


def report(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page (default: runs/RUN/report.html in the home folder).")
    ] = None,
    rollouts: Annotated[
        int | None, typer.Option("--rollouts", min=0, help="Responses in the page, at most (default: 50,000).")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Also write the main plot to this .svg or .png file.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    home: HomeOption = None,
) -> None:
    """Print a run's metrics with 95% intervals, and write a page with charts and all rollouts (its path: stderr)."""
    use_home(home)
    with one_line_errors():
        print_metrics(run)
        page = _write_files(run, out, rollouts, plot)
        if show and not webbrowser.open(page.as_uri()):
            print(f"rise: no browser to open {page}", file=sys.stderr)


def print_metrics(run: str, split: str = EVAL_SPLIT) -> None:
    """Print a run's metrics on a split, read from the lake of RISE_HOME."""
    from flows.cli.printing import write_metrics
    from storage.home import Home
    from storage.lake import Lake

    with Lake(Home.from_env().lake, read_only=True) as lake:
        write_metrics(lake, run, split)


def _write_files(run: str, out: Path | None, rollouts: int | None, plot: Path | None) -> Path:
    """Write the page, and the plot if asked for; print both paths on standard error."""
    from storage.home import Home
    from storage.lake import Lake
    from tasks.report.page import MAX_RESPONSES, write_page
    from tasks.report.picture import write_plot

    home = Home.from_env()
    with Lake(home.lake, read_only=True) as lake:
        if plot is not None:
            print(f"plot: {write_plot(lake, run, plot)}", file=sys.stderr)
        page = write_page(
            lake, run, out or home.report(run), home.cache, MAX_RESPONSES if rollouts is None else rollouts
        )
    print(f"page: {page}", file=sys.stderr)
    return page

"""`rise compare`: runs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.messages import one_line_errors
from flows.cli.options import Format, FormatOption, HomeOption
from flows.local.environment import use_home
from rise_core.records import EVAL_SPLIT


def compare(
    runs: Annotated[list[str], typer.Argument(help="RUN or RUN@ITERATION …; the others are compared with the first.")],
    split: Annotated[str, typer.Option(help="Split whose evaluations are compared.")] = EVAL_SPLIT,
    format: FormatOption = Format.table,
    home: HomeOption = None,
) -> None:
    """Print runs side by side: metrics with 95% intervals, paired differences, and what their training took.

    Differences are over the problems that both runs were evaluated on. `best` is the better of m1@tK and m{B}@t1.
    """
    use_home(home)
    with one_line_errors():
        from flows.cli.compared_runs import read_comparison
        from flows.cli.comparison_table import write_comparison
        from storage.home import Home
        from storage.lake import Lake

        with Lake(Home.from_env().lake, read_only=True) as lake:
            write_comparison(read_comparison(lake, runs, split), format.value)

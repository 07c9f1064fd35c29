"""`rise query`, `rise attach` and `rise runs`: read the lake."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from flows.cli.messages import one_line_errors
from flows.cli.options import Format, FormatOption, HomeOption
from flows.local.environment import use_home


def query(
    sql: Annotated[str, typer.Argument(help='For example "FROM turn_accuracy".')],
    format: FormatOption = Format.table,
    at: Annotated[int | None, typer.Option("--at", help="Read the lake as it was at this version.")] = None,
    home: HomeOption = None,
) -> None:
    """Run SQL (DuckDB) against the lake, read-only, also while a run is writing."""
    use_home(home)
    with one_line_errors():
        from flows.cli.printing import write_rows
        from storage.home import Home
        from storage.query import run_query

        with _die_at_ctrl_c():
            rows = run_query(Home.from_env().lake, sql, at)
        write_rows(rows, format.value)


def attach(home: HomeOption = None) -> None:
    """Print the SQL after which any DuckDB session sees the lake, for example: duckdb -init <(rise attach)."""
    use_home(home)
    with one_line_errors():
        from storage.home import Home
        from storage.session import session_sql

        print(*(f"{statement};" for statement in session_sql(Home.from_env().lake)), sep="\n")


def runs(format: FormatOption = Format.table, home: HomeOption = None) -> None:
    """List the runs of the lake."""
    # An iteration counts as done once its evaluation on the flow's own split is stored.
    query(
        "SELECT run, profile, goal, created_at, (SELECT max(iteration) FROM metrics m WHERE m.run = r.run "
        "AND m.split = 'eval') AS iterations_done FROM runs r ORDER BY created_at",
        format,
        None,
        home,
    )


@contextmanager
def _die_at_ctrl_c() -> Iterator[None]:
    """Let the system end the process at Ctrl-C while the block runs."""
    # DuckDB looks for Ctrl-C between two pieces of work, and an endless recursion is one piece. A reader of the lake
    # has nothing to put in order first.
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # ignored, as in the background, or handled by other code
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

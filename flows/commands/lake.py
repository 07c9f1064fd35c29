"""`rise query`, `rise attach` and `rise runs`: read the lake."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Format, FormatOption, HomeOption, one_line_errors
from flows.environment import use_home


def query(
    sql: Annotated[str, typer.Argument(help='For example "FROM turn_accuracy".')],
    format: FormatOption = Format.table,
    at: Annotated[int | None, typer.Option("--at", help="Read the lake as it was at this version.")] = None,
    home: HomeOption = None,
) -> None:
    """Run SQL (DuckDB) against the lake, read-only, also while a run is writing."""
    use_home(home)
    with one_line_errors():
        from flows.output import write_rows
        from storage.home import Home
        from storage.query import run_query

        write_rows(run_query(Home.from_env().lake, sql, at), format.value)


def attach(home: HomeOption = None) -> None:
    """Print the SQL after which any DuckDB session sees the lake, for example: duckdb -init <(rise attach)."""
    use_home(home)
    with one_line_errors():
        from storage.home import Home
        from storage.location import session_sql

        print(*(f"{statement};" for statement in session_sql(Home.from_env().lake)), sep="\n")


def runs(format: FormatOption = Format.table, home: HomeOption = None) -> None:
    """List the runs of the lake."""
    query(
        "SELECT run, profile, goal, created_at, (SELECT max(iteration) FROM metrics m WHERE m.run = r.run "
        "AND m.split = 'eval') AS iterations_done FROM runs r ORDER BY created_at",
        format,
        None,
        home,
    )

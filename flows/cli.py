"""Command `rise`: start the flow and read the lake. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.environment import use_home
from rise_core.errors import UserError
from rise_core.profiles import load, profiles, to_yaml

app = typer.Typer(
    help="RISE: fine-tune a language model to improve its own answer over several turns.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of everything that is written (RISE_HOME; default ./rise-home).")
]
ProfileArgument = Annotated[str, typer.Argument(help=f"A profile ({', '.join(profiles())}) or a path to a .yaml file.")]
OverridesArgument = Annotated[list[str] | None, typer.Argument(help="key=value …, for example collect.problems=100")]


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"


@contextmanager
def one_line_errors() -> Iterator[None]:
    """The user's mistakes are one line on stderr and exit status 2; anything else is a bug and shows its traceback."""
    try:
        yield
    except UserError as error:
        print(f"rise: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


@app.command()
def run(
    profile: ProfileArgument,
    overrides: OverridesArgument = None,
    name: Annotated[str | None, typer.Option("--run", help="Name of the run (default: the profile's name).")] = None,
    iterations: Annotated[
        int | None, typer.Option(min=0, help="Advance by so many (default: up to the profile's own number).")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Advance a run through RISE iterations. The same command goes on where an interrupted one stopped."""
    use_home(home)
    run_name = Path(profile).stem if name is None else name
    with one_line_errors():
        from tasks.job import check_inputs

        check_inputs(run_name, profile, overrides or [])
        from flows.rise import rise

        for logger in ("prefect.task_runs", "prefect.flow_runs"):
            logging.getLogger(logger).addFilter(tidy)
        rise(run_name, profile, overrides or [], iterations)
        print_metrics(run_name)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help='For example "FROM turn_accuracy".')],
    format: Annotated[Format, typer.Option(help="How to print the rows.")] = Format.table,
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


@app.command()
def attach(home: HomeOption = None) -> None:
    """Print the SQL after which any DuckDB session sees the lake, for example: duckdb -init <(rise attach)."""
    use_home(home)
    with one_line_errors():
        from storage.home import Home
        from storage.location import session_sql

        print(*(f"{statement};" for statement in session_sql(Home.from_env().lake)), sep="\n")


@app.command()
def runs(
    format: Annotated[Format, typer.Option(help="How to print the rows.")] = Format.table, home: HomeOption = None
) -> None:
    """List the runs of the lake."""
    query(
        "SELECT run, profile, goal, (SELECT max(iteration) FROM metrics m WHERE m.run = r.run) AS iterations_done, "
        "created_at FROM runs r ORDER BY created_at",
        format,
        None,
        home,
    )


@app.command()
def report(run: Annotated[str, typer.Argument(help="Name of the run.")], home: HomeOption = None) -> None:
    """Print a run's metrics, iteration by iteration, with 95% intervals."""
    use_home(home)
    with one_line_errors():
        print_metrics(run)


@app.command()
def config(profile: ProfileArgument, overrides: OverridesArgument = None) -> None:
    """Print the config that would run, as YAML."""
    with one_line_errors():
        print(to_yaml(load(profile, overrides or [])), end="")


def tidy(record: logging.LogRecord) -> bool:
    """Drop Prefect's line on every task run that ended well, since the stages say what they did, and the tracebacks of
    mistakes that the user can mend."""
    if record.exc_info and isinstance(record.exc_info[1], UserError):
        record.exc_info = None
    return not record.getMessage().startswith("Finished in state Completed")


def print_metrics(run: str) -> None:
    from flows.output import write_metrics
    from storage.home import Home
    from storage.lake import Lake

    with Lake(Home.from_env().lake, read_only=True) as lake:
        write_metrics(lake, run)


if __name__ == "__main__":
    app()

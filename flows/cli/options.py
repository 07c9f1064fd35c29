"""Arguments that several commands take, and how they tell the user of a mistake."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rise.core.config.load import baselines, profiles
from rise.core.errors import Closed, RunStopped, UserError

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of everything that is written (RISE_HOME; default ./rise-home).")
]
ProfileArgument = Annotated[
    str,
    typer.Argument(
        help=f"A profile ({', '.join(profiles())}) or a path to a .yaml file; with +NAME, a baseline of it "
        f"({', '.join(baselines())}), for example demo+rft."
    ),
]
OverridesArgument = Annotated[list[str] | None, typer.Argument(help="key=value …, for example collect.problems=100")]
RunArgument = Annotated[str, typer.Argument(help="Name of the run; `rise runs` lists them.")]
IterationOption = Annotated[
    int | None, typer.Option("--iteration", min=0, help="Iteration whose checkpoint is used (default: the newest).")
]


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print the rows.")]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """The user's mistakes are one line on stderr and exit status 2, a run that the machine stopped one line and 1;
    anything else is a bug and shows its traceback."""
    try:
        yield
    except UserError as error:
        print(f"rise: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    except RunStopped as error:  # the log above has the rest
        print(f"rise: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status != 401 or not type(error).__module__.startswith("prefect."):
            raise
        text = "the Prefect server refuses these credentials: set PREFECT_API_AUTH_STRING as it was started with"
        print(f"rise: {text}", file=sys.stderr)
        raise typer.Exit(2) from None


def quiet_flow_logs() -> None:
    """Leave out of the log what the stages say better themselves."""
    for logger in ("prefect.task_runs", "prefect.flow_runs"):
        logging.getLogger(logger).addFilter(tidy)


def tidy(record: logging.LogRecord) -> bool:
    """Drop Prefect's line on every task run that ended well, since the stages say what they did; and the tracebacks of
    mistakes that the user can mend, and of tasks in flight whose engines or graders go because another task failed."""
    if record.exc_info and isinstance(record.exc_info[1], UserError | Closed):
        record.exc_info = None
    return not record.getMessage().startswith("Finished in state Completed")

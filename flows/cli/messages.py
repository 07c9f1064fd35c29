"""Mistakes and logs on standard error: one line for an error that the user can mend, no noise around it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from rise_core.errors import Closed, RunStopped, UserError


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn expected errors into one line on standard error and an exit status.

    Status 2: a mistake of the user, or wrong credentials for the Prefect server. Status 1: the machine stopped the
    run; the log above the line has the rest. Any other error is a bug, and keeps its traceback.
    """
    try:
        yield
    except UserError as error:
        print(f"rise: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    except RunStopped as error:
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
    """Drop Prefect's lines about task runs that ended well: the stages log their results themselves."""
    for logger in ("prefect.task_runs", "prefect.flow_runs"):
        logging.getLogger(logger).addFilter(_filter_record)


def _filter_record(record: logging.LogRecord) -> bool:
    # Two kinds of traceback say nothing: of a mistake that the user can mend, and of a task whose engines or graders
    # close because another task failed.
    if record.exc_info and isinstance(record.exc_info[1], UserError | Closed):
        record.exc_info = None
    return not record.getMessage().startswith("Finished in state Completed")

"""Repeat an operation on the lake while other programs hold the catalog."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import duckdb
from filelock import Timeout
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from rise_core.errors import UserError
from rise_core.text import first_line
from storage.location import LakeLocation

_T = TypeVar("_T")
PATIENCE = 60.0  # seconds


def patiently(location: LakeLocation, attempt: Callable[[], _T]) -> _T:
    """Repeat `attempt` until the catalog is free.

    Raises:
        UserError: Other programs hold the catalog for PATIENCE seconds.
    """

    def give_up(state: RetryCallState) -> _T:
        error = state.outcome.exception() if state.outcome else None
        raise UserError(
            f"the lake {location.catalog} stayed busy for {PATIENCE:.0f} s ({first_line(error)}): "
            "close the program that holds it and resume"
        ) from error

    retrying = Retrying(
        retry=retry_if_exception(_is_busy),
        # Random waits, so that two writers do not meet again and again.
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_delay(PATIENCE),
        retry_error_callback=give_up,
    )
    return retrying(attempt)


def _is_busy(error: BaseException) -> bool:
    """Tell whether another program held the catalog, or another commit came first."""
    # DuckDB has no error class for a busy catalog; the message comes from SQLite or DuckLake.
    text = str(error)
    words = ("database is locked", "database table is locked", "Transaction conflict", "Exceeded the maximum retry")
    return isinstance(error, Timeout) or (isinstance(error, duckdb.Error) and any(word in text for word in words))

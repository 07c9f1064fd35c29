"""Failures of the machine, explained in one sentence with what to do next."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import httpx
from prefect.exceptions import PrefectHTTPStatusError
from ray.exceptions import RayError

from rise_core.errors import EngineError, RunStopped, TrainerLost, UserError
from rise_core.text import first_line
from storage.home import Home

FULL_BYTES = 2**20  # with less free space than this under the home, a failure is blamed on the full disk
_RESUME = "what was done is kept: start the same run again to go on"
_FULL = "the disk is full: free some space; " + _RESUME
_FULL_WORDS = ("No space left on device", "Disk quota exceeded")
_MACHINE = (EngineError, TrainerLost, RayError, OSError, duckdb.Error, httpx.TransportError)


@contextmanager
def explain_failures(home: Home) -> Iterator[None]:
    """Turn failures of engines, training, files, catalog or server into RunStopped. Other errors are bugs, and pass.

    On a full disk every failure is blamed on the disk: SQLite reports a plain I/O error, and a training worker's error
    comes wrapped.
    """
    try:
        yield
    except (UserError, RunStopped):
        raise
    except Exception as error:
        full = _is_full(error, home)
        if not full and not isinstance(error, _MACHINE) and not _is_server_error(error):
            raise
        cause = first_line(error).rstrip(".")
        raise RunStopped(f"{cause} ({_FULL if full else _RESUME})") from error


def _is_server_error(error: Exception) -> bool:
    """Whether Prefect's server failed by itself, as on a full disk under its database."""
    return isinstance(error, PrefectHTTPStatusError) and error.response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR


def _is_full(error: Exception, home: Home) -> bool:
    if any(words in str(error) for words in _FULL_WORDS):
        return True
    return home.path.exists() and shutil.disk_usage(home.path).free < FULL_BYTES

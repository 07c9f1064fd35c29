"""A run that the machine stopped, in one sentence that says what to do next."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import httpx
from ray.exceptions import RayError

from rise.core.errors import EngineError, RunStopped, TrainerLost, UserError
from rise.core.text import first_line
from rise.storage.home import Home

NEXT = "what was done is kept: start the same run again to go on"
FULL = "the disk is full: free some space; " + NEXT
ROOM = 2**20  # bytes: with less than that under the home, whatever fails does so for want of space
MACHINE = (EngineError, TrainerLost, RayError, OSError, duckdb.Error, httpx.TransportError)


@contextmanager
def explained() -> Iterator[None]:
    """Raise RunStopped for an error of engines, training, files, catalog or server, and for any on a full disk (SQLite
    calls that an I/O error, and a training worker hides it); other errors are bugs, and pass."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        full = is_full(error)
        if not full and not isinstance(error, MACHINE):
            raise
        cause = first_line(error).rstrip(".")
        raise RunStopped(f"{cause} ({FULL if full else NEXT})") from error


def is_full(error: Exception) -> bool:
    said = any(words in str(error) for words in ("No space left on device", "Disk quota exceeded"))
    home = Home.from_env().path
    return said or (home.exists() and shutil.disk_usage(home).free < ROOM)

"""Run `rise run …` and kill the process at a commit: python -m tests.faults.tripwire WORDS POINT NTH SECONDS run ….

The SIGKILL comes at the NTH commit whose message holds all WORDS. POINT is `before`, `during` (SECONDS after the
begin) or `after` the commit. Only the moment is arranged; the run is real."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import duckdb

from storage import transaction


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def lay(words: list[str], point: str, nth: int, seconds: float) -> None:
    """Replace the lake's commit by a commit that kills the process at the point."""
    real, seen, counting = transaction.commit_once, [0], threading.Lock()

    def commit_once(cursor: duckdb.DuckDBPyConnection, write: object, message: str) -> int:
        if not all(word in message for word in words):
            return real(cursor, write, message)
        with counting:
            seen[0] += 1
        if seen[0] != nth:
            return real(cursor, write, message)
        if point == "before":
            die()
        if point == "during":
            # The commit writes its Parquet files, then the catalog: either may be hit.
            threading.Thread(target=lambda: (time.sleep(seconds), die()), daemon=True).start()
        version = real(cursor, write, message)
        if point == "during":
            time.sleep(seconds)  # a short commit: the kill comes right behind it
        die()
        return version

    transaction.commit_once = commit_once


if __name__ == "__main__":
    words, point, nth, seconds, *sys.argv[1:] = sys.argv[1:]
    sys.argv[0] = "rise"
    lay(words.split(), point, int(nth), float(seconds))
    from flows.cli.app import app

    app()

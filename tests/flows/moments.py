"""Moments of a run, recognised by files of the home, for tests that act in the middle of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

Moment = Callable[[Path], bool]


def sampled(run: str, pattern: str) -> Moment:
    """Responses of a (shard, turn) are staged and not yet committed: "collect-1-*-turn-2", "eval_*-1-*"."""
    return lambda home: any((home / "runs" / run / "staging").glob(f"{pattern}.parquet"))


def training(run: str, iteration: int = 1) -> Moment:
    """An iteration's fine-tuning has taken steps, and the workers have not yet ended."""

    def holds(home: Path) -> bool:
        log = home / "runs" / run / f"training/iteration-{iteration}/log.jsonl"
        return log.exists() and log.stat().st_size > 0

    return holds


def committed(table: str, files: int) -> Moment:
    """At least `files` Parquet files of a table exist; the transaction of the last file may still be open."""
    return lambda home: len(list((home / "lake/data").rglob(f"{table}/**/*.parquet"))) >= files


def wait_for(moment: Moment, home: Path, process: Popen[bytes], log: Path, *, pause: float, timeout: float) -> None:
    """Poll until the moment; fail after `timeout` seconds or when the process ends first."""
    deadline = time.monotonic() + timeout
    while not moment(home):
        assert process.poll() is None, log.read_text()[-4000:]
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(pause)

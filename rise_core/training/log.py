"""The training log: a JSON line per optimiser step for whoever watches, a thinned list for the lake."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

ENTRIES = 500
REPORT_SECONDS = 1.0


class TrainLog:
    """Writes entries to a file as they come, keeps every n-th of them, and reports at most one a second.

    Without a path (workers but the first) it only keeps.
    """

    def __init__(self, path: str | None, steps: int, report: Callable[[dict[str, Any]], None]) -> None:
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "w", buffering=1) if path is not None else None  # noqa: SIM115
        self._steps = steps
        self._stride = -(-steps // ENTRIES)
        self._report = report
        self._reported = 0.0
        self.entries: list[dict[str, Any]] = []

    def add(self, entry: dict[str, Any]) -> None:
        """One optimiser step; the first and the last are always kept and reported."""
        last = entry["step"] == self._steps
        if self._file is not None:
            self._file.write(json.dumps(entry) + "\n")
        if (entry["step"] - 1) % self._stride == 0 or last:
            self.entries.append(entry)
        now = time.monotonic()
        if last or now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._report(entry)

    def __enter__(self) -> TrainLog:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

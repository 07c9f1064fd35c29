"""The training log: a file with one JSON line per optimiser step, its reader, and a thinned list for the lake."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ENTRIES = 500  # kept for the lake, about
_REPORT_SECONDS = 1.0


class TrainLog:
    """Writes every entry to a file. Keeps every n-th in `entries`, and reports at most one a second."""

    def __init__(self, path: str | None, steps: int, report: Callable[[dict[str, Any]], None]) -> None:
        """Open the log of a training of `steps` optimiser steps. Only the first worker has a path, and a file."""
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "w", buffering=1) if path is not None else None  # noqa: SIM115
        self._steps = steps
        self._stride = -(-steps // _ENTRIES)
        self._report = report
        self._reported = 0.0
        self.entries: list[dict[str, Any]] = []

    def add(self, entry: dict[str, Any]) -> None:
        """Log one optimiser step. The first and the last step are always kept and reported."""
        last = entry["step"] == self._steps
        if self._file is not None:
            self._file.write(json.dumps(entry) + "\n")
        if (entry["step"] - 1) % self._stride == 0 or last:
            self.entries.append(entry)
        now = time.monotonic()
        if last or now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self._report(entry)

    def __enter__(self) -> TrainLog:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


class LogReader:
    """Reads a growing log file and hands on the latest entry."""

    def __init__(self, path: Path, progress: Callable[[dict[str, Any]], None] | None) -> None:
        """Begin at the start of `path`, which need not exist yet; `progress` gets the entries."""
        self._path = path
        self._progress = progress
        self._position = 0

    @property
    def begun(self) -> bool:
        """Whether any entry was read."""
        return self._position > 0

    def read(self) -> None:
        """Read on from the end of the last call. The last new entry is handed on."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._position)
            text = file.read()
        lines = text[: text.rfind(b"\n") + 1]  # the last line may be half written
        if lines:
            self._position += len(lines)
            if self._progress is not None:
                self._progress(json.loads(lines.splitlines()[-1]))

"""A file of training rows as records, for tests that look at single rows."""

from __future__ import annotations

from pathlib import Path

from rise_core.records import TrainRow
from rise_core.training.row_file import load_rows


def read_rows(path: str | Path) -> list[TrainRow]:
    """Return the rows of a file as records; raises like `load_rows`."""
    rows = load_rows(path)
    pairs = [rows.row(index) for index in range(len(rows))]
    return [
        TrainRow(ids=ids.tolist(), mask=mask.tolist(), weight=float(weight))
        for (ids, mask), weight in zip(pairs, rows.weights, strict=True)
    ]

"""Sampled responses on disk between sampling and their commit, so that a crash in between loses nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rise_core.records import Rollout
from storage import rollouts


def write(path: Path, sampled: list[Rollout]) -> None:
    """Write rollouts to `path` as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    pq.write_table(rollouts.to_arrow(sampled), unfinished)
    with open(unfinished, "rb") as file:
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def read(path: Path) -> list[Rollout] | None:
    """The rollouts of a staged file; None where there is none, or it is damaged (it is sampled again then)."""
    try:
        return rollouts.from_arrow(pq.read_table(path))
    except (OSError, pa.ArrowInvalid):
        return None

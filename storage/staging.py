"""Sampled responses on disk between sampling and their commit, so that a crash in between loses nothing.

Each file holds the hash of its rows: Parquet alone would let many a flipped bit pass as another response.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rise.core.records import Rollout
from rise.storage import rollouts

DIGEST = b"rise.sha256"


def write(path: Path, sampled: list[Rollout]) -> None:
    """Write rollouts to `path` as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    table = rollouts.to_arrow(sampled)
    pq.write_table(table.replace_schema_metadata({DIGEST: digest(sampled)}), unfinished)
    with open(unfinished, "rb") as file:
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def read(path: Path) -> list[Rollout] | None:
    """The rollouts of a staged file; None where there is none, or it is damaged (it is sampled again then)."""
    try:
        table = pq.read_table(path)
        found = rollouts.from_arrow(table)
    except (OSError, pa.ArrowException, UnicodeDecodeError, KeyError, TypeError):
        return None
    return found if (table.schema.metadata or {}).get(DIGEST) == digest(found) else None


def digest(sampled: list[Rollout]) -> bytes:
    """Over all values, as Python writes them."""
    return hashlib.sha256(repr(sampled).encode("utf-8", "surrogatepass")).hexdigest().encode()

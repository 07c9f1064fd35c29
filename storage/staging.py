"""Sampled responses on disk between sampling and commit: a crash in between loses no response.

Each file holds a hash of the rows: Parquet alone would read many a flipped bit as another response.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rise_core.atomic import atomic_file
from rise_core.records import Rollout
from storage import rollouts

_DIGEST = b"rise.sha256"  # key in the file's metadata


def write(path: Path, sampled: list[Rollout]) -> None:
    """Write rollouts to `path`, whole or not at all."""
    rows = rollouts.to_arrow(sampled)
    with atomic_file(path) as part:
        pq.write_table(rows.replace_schema_metadata({_DIGEST: _digest(sampled)}), part)


def read(path: Path) -> list[Rollout] | None:
    """Read the rollouts of a staged file. None for a missing or damaged file."""
    try:
        rows = pq.read_table(path)
        sampled = rollouts.from_arrow(rows)
    # A flipped bit shows as any of these, or as rows with another hash.
    except (OSError, pa.ArrowException, UnicodeDecodeError, KeyError, TypeError):
        return None
    return sampled if (rows.schema.metadata or {}).get(_DIGEST) == _digest(sampled) else None


def _digest(sampled: list[Rollout]) -> bytes:
    """Hash all values in Python's spelling."""
    return hashlib.sha256(repr(sampled).encode("utf-8", "surrogatepass")).hexdigest().encode()

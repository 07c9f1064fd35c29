"""Table `rollouts`: every response ever sampled. A commit holds the rows of one work unit (a turn of a shard)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np
import pyarrow as pa

from rise_core.errors import KeyExists
from rise_core.records import Candidate, Purpose, Rollout, Scored
from rise_core.streams import batched
from storage import arrow, memory
from storage.arrow import field_names
from storage.lake import Lake
from storage.schema import ROLLOUTS
from storage.transaction import Transaction

SHARDS_PER_QUERY = 4  # a query reads whole row groups of merged files, however few rows it selects
_TARGET = ROLLOUTS.arrow_schema("problem_id", "turn", "sample")  # the key of a training target within an iteration
_FIELDS = ", ".join(field_names(Rollout))
_TARGETS_MARKED = "(SELECT * REPLACE ((problem_id, turn, sample) IN (FROM targets) AS selected) FROM rollouts)"
_Key = tuple[str, int, str, str, int, int]  # run, iteration, purpose, split, shard, turn
_R = TypeVar("_R", Candidate, Scored, Rollout)


def append(lake: Lake, rollouts: list[Rollout]) -> int:
    """Commit the rollouts of a work unit.

    Args:
        rollouts: Rollouts of the same run, iteration, purpose, split, shard and turn.

    Returns:
        The snapshot's version.

    Raises:
        KeyExists: The unit has rows in the lake.
    """
    keys: set[_Key] = {(r.run, r.iteration, r.purpose, r.split, r.shard, r.turn) for r in rollouts}
    if len(keys) != 1:
        raise ValueError(f"a commit holds the rollouts of one shard's turn, not of {len(keys)}")
    (key,) = keys
    run, iteration, purpose, split, shard, turn = key
    rows = to_arrow(rollouts)  # once: the body may run several times

    def write(tx: Transaction) -> None:
        if _has_rows(tx, key):
            raise KeyExists(f"run {run}, iteration {iteration}, {purpose}, split {split}, shard {shard}, turn {turn}")
        tx.append("rollouts", rows)

    note = f"purpose={purpose} split={split} shard={shard} turn={turn}"
    return lake.commit(write, run=run, iteration=iteration, stage="verify_answers", note=note)


def units(lake: Lake, run: str, iteration: int) -> set[tuple[str, str, int, int]]:
    """Read the keys of an iteration's work units with rows.

    Returns:
        (purpose, split, shard, turn) of each unit.
    """
    rows = lake.query(
        "SELECT DISTINCT purpose, split, shard, turn FROM rollouts WHERE run = ? AND iteration = ?", [run, iteration]
    )
    return set(arrow.from_arrow(lambda *unit: unit, ("purpose", "split", "shard", "turn"), rows))


def read(
    lake: Lake, run: str, iteration: int, purpose: str, shard: int | None = None, *, split: str | None = None
) -> list[Rollout]:
    """Read an iteration's rollouts by problem, turn and sample. The default is all shards and splits."""
    rows = lake.query(
        f"SELECT {_FIELDS} FROM rollouts WHERE run = ? AND iteration = ? AND purpose = ?"  # noqa: S608
        " AND (shard = ? OR ? IS NULL) AND (split = ? OR ? IS NULL) ORDER BY problem_id, turn, sample",
        [run, iteration, purpose, shard, shard, split, split],
    )
    return from_arrow(rows)


def read_table(
    lake: Lake, run: str, iteration: int | None = None, *, purpose: str | None = None, split: str | None = None
) -> pa.Table:
    """Read the rollouts of a run as an Arrow table, all columns.

    Args:
        iteration, purpose, split: Restrict the rows; None reads every value.

    Returns:
        Rows ordered by iteration, split, purpose, problem, turn and sample.
    """
    return lake.query(
        "SELECT * FROM rollouts WHERE run = ? AND (iteration = ? OR ? IS NULL) AND (purpose = ? OR ? IS NULL)"
        " AND (split = ? OR ? IS NULL) ORDER BY iteration, split, purpose, problem_id, turn, sample",
        [run, iteration, iteration, purpose, purpose, split, split],
    )


def read_scored(
    lake: Lake, run: str, iteration: int, *purposes: str, split: str | None = None
) -> Iterator[list[Scored]]:
    """Read the fields for metrics, a shard at a time: a million rollouts take gigabytes.

    Yields:
        Whole episodes of a shard, in the order of `purposes`, then by problem, turn and sample.
    """
    return _by_shard(Scored, lake, run, iteration, purposes, split)


def read_candidates(lake: Lake, run: str, iteration: int) -> Iterator[list[Candidate]]:
    """Read the fields of collected responses for selection.

    Yields:
        Candidates of a shard by problem, turn and sample.
    """
    return _by_shard(Candidate, lake, run, iteration, [Purpose.COLLECT])


def read_targets(lake: Lake, run: str, iteration: int, targets: pa.Table) -> Iterator[list[Rollout]]:
    """Read the training targets among collected responses, and earlier attempts.

    Args:
        targets: Keys of the targets, from `target_keys`.

    Yields:
        Rollouts of a shard by problem, turn and sample: targets (`selected` is true) and sample 0 of every turn.
    """
    return _by_shard(Rollout, lake, run, iteration, [Purpose.COLLECT], targets=targets)


def target_keys(candidates: Sequence[Candidate]) -> pa.Table:
    """Return columns problem_id, turn and sample (a million tuples would take hundreds of MB)."""
    return arrow.to_columns(_TARGET, candidates)


def to_arrow(rollouts: list[Rollout]) -> pa.Table:
    """Convert rollouts to rows of the table, written now."""
    return arrow.to_arrow(ROLLOUTS, rollouts, created_at=datetime.now(UTC))


def from_arrow(rows: pa.Table) -> list[Rollout]:
    """Convert rows of the table to rollouts; other columns are ignored."""
    return arrow.from_arrow(Rollout, field_names(Rollout), rows)


def _has_rows(tx: Transaction, key: _Key) -> bool:
    # A single comparison of a tuple: for each column compared alone, DuckLake reads that column's statistics of every
    # file in the lake.
    rows = tx.execute(
        "SELECT 1 FROM lake.main.rollouts WHERE run = ? AND iteration = ?"
        " AND (purpose, split, shard, turn) = (?, ?, ?, ?) LIMIT 1",
        key,
    )
    return bool(rows)


def _by_shard(
    record: type[_R],
    lake: Lake,
    run: str,
    iteration: int,
    purposes: Sequence[str],
    split: str | None = None,
    targets: pa.Table | None = None,
) -> Iterator[list[_R]]:
    """Read an iteration's rollouts as `record`s, a few shards per query, a shard per yield."""
    names = ", ".join(field_names(record))
    source, where = ("rollouts", "") if targets is None else (_TARGETS_MARKED, " AND (selected OR sample = 0)")
    sql = (
        f"SELECT {names}, shard AS of_shard FROM {source} WHERE run = ? AND iteration = ?"  # noqa: S608
        f" AND shard BETWEEN ? AND ? AND list_contains(?::VARCHAR[], purpose) AND (split = ? OR ? IS NULL){where}"
        " ORDER BY shard, list_position(?::VARCHAR[], purpose), problem_id, turn, sample"
    )
    tables = {} if targets is None else {"targets": targets}
    # Shards without rollouts leave gaps in the numbers.
    stored = units(lake, run, iteration)
    shards = sorted({shard for purpose, of, shard, _ in stored if purpose in purposes and split in (None, of)})
    for group in batched(shards, SHARDS_PER_QUERY):
        memory.give_back()  # of sampling, or of the query before
        params = [run, iteration, group[0], group[-1], list(purposes), split, split, list(purposes)]
        rows = lake.query(sql, params, **tables)
        numbers = rows["of_shard"].to_numpy()
        for shard in group:
            # The rows are ordered by shard, so a shard is a slice: no copy.
            begin, end = np.searchsorted(numbers, [shard, shard + 1])
            yield arrow.from_arrow(record, field_names(record), rows.slice(begin, end - begin))
        del rows  # before the next query: two results at once double the memory

"""Table `rollouts`: every response ever sampled. One commit holds one shard's turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np
import pyarrow as pa

from rise.core.errors import KeyExists
from rise.core.records import Candidate, Purpose, Rollout, Scored
from rise.core.streams import batched
from rise.storage import memory
from rise.storage.arrow import MOMENT, TOKENS, field_names, records_of, table_of
from rise.storage.lake import Lake, Transaction

COLUMNS = pa.schema(
    {
        "run": pa.string(),
        "iteration": pa.int32(),
        "purpose": pa.string(),
        "split": pa.string(),
        "problem_id": pa.string(),
        "shard": pa.int32(),
        "turn": pa.int32(),
        "sample": pa.int32(),
        "policy": pa.string(),
        "response": pa.string(),
        "response_ids": TOKENS,
        "prompt_tokens": pa.int32(),
        "finish_reason": pa.string(),
        "repetitive": pa.bool_(),
        "seed": pa.int64(),
        "latency": pa.float64(),
        "answer": pa.string(),
        "verdict": pa.string(),
        "reward": pa.float64(),
        "selected": pa.bool_(),
    }
)
SHARDS = 4  # shards in one query: each reads whole row groups of merged files, however little it wants of them
Key = tuple[str, int, str, str, int, int]  # run, iteration, purpose, split, shard, turn
NAMES = ", ".join(field_names(Rollout))
KEYS = pa.schema([("problem_id", pa.string()), ("turn", pa.int32()), ("sample", pa.int32())])
SELECTED = "(SELECT * REPLACE ((problem_id, turn, sample) IN (FROM targets) AS selected) FROM rollouts)"
R = TypeVar("R", Candidate, Scored, Rollout)


def to_arrow(rollouts: list[Rollout]) -> pa.Table:
    return table_of(COLUMNS, rollouts)


def from_arrow(table: pa.Table) -> list[Rollout]:
    """Convert rows of table `rollouts` to records; other columns are ignored."""
    return records_of(Rollout, field_names(Rollout), table)


def append(lake: Lake, rollouts: list[Rollout]) -> int:
    """Commit one shard's turn; returns the snapshot's version.

    All rollouts must share run, iteration, purpose, split, shard and turn. Raises KeyExists when that key has rows.
    """
    keys: set[Key] = {(r.run, r.iteration, r.purpose, r.split, r.shard, r.turn) for r in rollouts}
    if len(keys) != 1:
        raise ValueError(f"a commit holds the rollouts of one shard's turn, not of {len(keys)}")
    (key,) = keys
    run, iteration, purpose, split, shard, turn = key
    moment = pa.repeat(pa.scalar(datetime.now(UTC), MOMENT), len(rollouts))
    table = to_arrow(rollouts).append_column(pa.field("created_at", MOMENT), moment)

    def write(tx: Transaction) -> None:
        if key_has_rows(tx, key):
            raise KeyExists(f"run {run}, iteration {iteration}, {purpose}, split {split}, shard {shard}, turn {turn}")
        tx.append("rollouts", table)

    note = f"purpose={purpose} split={split} shard={shard} turn={turn}"
    return lake.commit(write, run=run, iteration=iteration, stage="verify_answers", note=note)


def key_has_rows(tx: Transaction, key: Key) -> bool:
    # As one comparison: DuckLake finds the files to read by one column after the other, and for each it reads that
    # column's statistics of every file in the lake.
    found = tx.execute(
        "SELECT 1 FROM lake.main.rollouts WHERE run = ? AND iteration = ?"
        " AND (purpose, split, shard, turn) = (?, ?, ?, ?) LIMIT 1",
        key,
    )
    return bool(found)


def units(lake: Lake, run: str, iteration: int) -> set[tuple[str, str, int, int]]:
    """(purpose, split, shard, turn) of every shard's turn that an iteration has in the lake."""
    found = lake.query(
        "SELECT DISTINCT purpose, split, shard, turn FROM rollouts WHERE run = ? AND iteration = ?", [run, iteration]
    )
    return set(records_of(lambda *key: key, ("purpose", "split", "shard", "turn"), found))


def read_scored(
    lake: Lake, run: str, iteration: int, *purposes: str, split: str | None = None
) -> Iterator[list[Scored]]:
    """What metrics look at of an iteration's responses, one shard's whole episodes at a time: a million together take
    gigabytes. A shard's are in the order of `purposes`, then by problem, turn and sample."""
    return by_shard(Scored, lake, run, iteration, purposes, split)


def read_candidates(lake: Lake, run: str, iteration: int) -> Iterator[list[Candidate]]:
    """What selection looks at of all collected responses, shard by shard, by problem, turn and sample."""
    return by_shard(Candidate, lake, run, iteration, [Purpose.COLLECT])


def read_targets(lake: Lake, run: str, iteration: int, targets: pa.Table) -> Iterator[list[Rollout]]:
    """The collected responses that are targets (a table of KEYS), `selected`, and the attempts that later turns answer
    to (sample 0 of every turn), shard by shard, by problem, turn and sample."""
    return by_shard(Rollout, lake, run, iteration, [Purpose.COLLECT], targets=targets)


def by_shard(
    record: type[R],
    lake: Lake,
    run: str,
    iteration: int,
    purposes: Sequence[str],
    split: str | None = None,
    targets: pa.Table | None = None,
) -> Iterator[list[R]]:
    names = ", ".join(field_names(record))
    source, where = ("rollouts", "") if targets is None else (SELECTED, " AND (selected OR sample = 0)")
    sql = (
        f"SELECT {names}, shard AS of_shard FROM {source} WHERE run = ? AND iteration = ?"  # noqa: S608
        f" AND shard BETWEEN ? AND ? AND list_contains(?::VARCHAR[], purpose) AND (split = ? OR ? IS NULL){where}"
        " ORDER BY shard, list_position(?::VARCHAR[], purpose), problem_id, turn, sample"
    )
    beside = {} if targets is None else {"targets": targets}
    done = units(lake, run, iteration)
    shards = sorted({key[2] for key in done if key[0] in purposes and split in (None, key[1])})
    for some in batched(shards, SHARDS):
        memory.give_back()  # what sampling, or the query before, left
        params = [run, iteration, some[0], some[-1], list(purposes), split, split, list(purposes)]
        found = lake.query(sql, params, **beside)
        numbers = found["of_shard"].to_numpy()
        for shard in some:
            begin, end = np.searchsorted(numbers, [shard, shard + 1])
            yield records_of(record, field_names(record), found.slice(begin, end - begin))
        del found


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


def read(
    lake: Lake, run: str, iteration: int, purpose: str, shard: int | None = None, *, split: str | None = None
) -> list[Rollout]:
    """The rollouts of an iteration (of one shard, of one split), ordered by problem, turn and sample."""
    return from_arrow(
        lake.query(
            f"SELECT {NAMES} FROM rollouts WHERE run = ? AND iteration = ? AND purpose = ?"  # noqa: S608
            " AND (shard = ? OR ? IS NULL) AND (split = ? OR ? IS NULL) ORDER BY problem_id, turn, sample",
            [run, iteration, purpose, shard, shard, split, split],
        )
    )

"""A commit is a single snapshot with a message, or nothing."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from storage import rollouts
from storage.lake import Lake
from storage.transaction import Transaction
from tests.storage.samples import count_rollouts, shard_rows


def test_a_commit_is_one_snapshot_with_its_message(lake: Lake) -> None:
    def write(tx: Transaction) -> None:
        for turn in (1, 2):
            tx.execute("INSERT INTO lake.main.rise_schema VALUES (?)", [1 - turn])

    version = lake.commit(write, run="r1", iteration=3, stage="evaluate", note="turns=2")
    last = lake.query("SELECT * FROM snapshots() ORDER BY snapshot_id DESC LIMIT 1").to_pylist()[0]
    assert (last["snapshot_id"], last["commit_message"]) == (version, "run=r1 iteration=3 stage=evaluate turns=2")
    assert version == lake.version() == 2


def test_an_error_in_the_body_rolls_everything_back(lake: Lake) -> None:
    def write(tx: Transaction) -> None:
        tx.execute("INSERT INTO lake.main.rise_schema VALUES (1)")
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        lake.commit(write, run="r1", iteration=1, stage="test")
    with pytest.raises(duckdb.CatalogException):
        lake.commit(lambda tx: tx.execute("INSERT INTO nowhere VALUES (1)"), run="r1", iteration=1, stage="test")
    assert lake.version() == 1
    rollouts.append(lake, shard_rows(0, 3))
    assert count_rollouts(lake) == 3


def test_rows_are_matched_by_name_and_nulls_are_checked(lake: Lake) -> None:
    table = pa.table({"n": [3], "value": [0.5], "metric": ["m"], "split": ["eval"], "iteration": [0], "run": ["r"]})
    lake.commit(lambda tx: tx.append("metrics", table), run="r", iteration=0, stage="test")
    assert lake.query("SELECT run, n, ci_low FROM metrics").to_pylist() == [{"run": "r", "n": 3, "ci_low": None}]
    with pytest.raises(duckdb.Error, match="NOT NULL"):
        lake.commit(lambda tx: tx.append("metrics", table.drop(["n"])), run="r", iteration=0, stage="test")

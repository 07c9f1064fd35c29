"""Queries on a single snapshot, streams, threads, versions, and a moved home."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from rise_core.errors import UserError
from storage import rollouts
from storage.lake import Lake
from storage.location import LakeLocation
from tests.storage.samples import count_rollouts, rollout, shard_rows


def test_a_long_result_comes_in_batches_of_one_snapshot(lake: Lake) -> None:
    rollouts.append(lake, [rollout(sample=n) for n in range(5000)])
    batches = lake.stream("SELECT sample FROM rollouts WHERE sample >= ? ORDER BY sample DESC", [1000], rows=2048)
    first = next(batches)
    rollouts.append(lake, [rollout(shard=1, sample=n) for n in range(5000)])
    numbers = [number for batch in (first, *batches) for number in batch["sample"].to_pylist()]
    assert first.num_rows == 2048
    assert numbers == list(range(4999, 999, -1))
    with pytest.raises(duckdb.CatalogException):
        next(lake.stream("SELECT * FROM nowhere"))


def test_queries_may_name_tables_beside_the_lakes(lake: Lake) -> None:
    rollouts.append(lake, [rollout(sample=n) for n in range(3)])
    chosen = pa.table({"sample": pa.array([2, 7], pa.int32())})
    sql = "SELECT sample FROM rollouts WHERE sample IN (FROM chosen)"
    assert lake.query(sql, chosen=chosen)["sample"].to_pylist() == [2]
    with pytest.raises(duckdb.CatalogException):
        lake.query(sql)


def test_threads_of_one_process_commit_and_read(lake: Lake) -> None:
    failures: list[BaseException] = []

    def work(shard: int) -> None:
        try:
            rollouts.append(lake, shard_rows(shard, 5))
            assert lake.query("SELECT * FROM rollouts WHERE shard = ?", [shard]).num_rows == 5
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(shard,)) for shard in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert count_rollouts(lake) == 30


def test_time_travel_over_tables_and_views(home: Path, lake: Lake) -> None:
    versions = [rollouts.append(lake, [rollout(shard=shard, problem_id=f"p{shard}")]) for shard in range(3)]
    assert lake.query(f"SELECT * FROM rollouts AT (VERSION => {versions[1]})").num_rows == 2
    with Lake(lake.location, version=versions[0]) as then:
        assert count_rollouts(then) == 1
        assert then.query("SELECT n FROM turn_accuracy").to_pylist() == [{"n": 1}]
        assert then.version() == versions[0]
        with pytest.raises(ValueError, match="read-only"):
            rollouts.append(then, [rollout()])
    for version in (99, -1):
        with pytest.raises(UserError, match=f"no version {version}"):
            Lake(lake.location, version=version)
    with pytest.raises(UserError, match="older than the lake's tables"):
        Lake(lake.location, version=0)


def test_a_home_can_be_moved(home: Path) -> None:
    with Lake(LakeLocation.from_home(home)) as lake:
        rollouts.append(lake, shard_rows(0, 4))
    moved = home.rename(home.with_name("moved"))
    with Lake(LakeLocation.from_home(moved)) as lake:
        rollouts.append(lake, shard_rows(1, 4))
        assert count_rollouts(lake) == 8

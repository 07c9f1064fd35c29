"""Commits are atomic and single under SIGKILL, with several writers, and in the eyes of readers."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from storage import rollouts
from storage.lake import Lake
from storage.location import LakeLocation
from storage.query import run_query
from tests.storage.samples import shard_rows, start

PER_SHARD = 50
COUNTS = "SELECT shard, count(*) AS n, count(DISTINCT problem_id) AS problems FROM rollouts GROUP BY shard"


def shards(location: LakeLocation) -> dict[int, tuple[int, int]]:
    return {row["shard"]: (row["n"], row["problems"]) for row in run_query(location, COUNTS).to_pylist()}


@pytest.mark.parametrize("seed", [20240718])
def test_sigkill_leaves_every_key_whole_or_absent(home: Path, seed: int) -> None:
    location = LakeLocation.from_home(home)
    moments = random.Random(seed)  # noqa: S311
    reported: set[int] = set()
    for kill in range(4):
        process = start("committer", home, 0, 10_000)
        assert process.stdout is not None
        reported.add(int(process.stdout.readline()))
        delay = moments.uniform(0.0, 0.4)
        print(f"seed {seed}, kill {kill}: {delay:.3f} s after its first commit")
        time.sleep(delay)
        process.kill()
        reported |= {int(line) for line in process.stdout.read().splitlines() if line.strip()}
        process.wait()
        counts = shards(location)
        assert set(counts.values()) <= {(PER_SHARD, PER_SHARD)}
        assert reported <= set(counts), "a commit that was reported is lost"
        assert sorted(counts) == list(range(len(counts)))
        assert len(counts) <= len(reported) + kill + 1
    with Lake(location) as lake:
        rollouts.append(lake, shard_rows(10_000))
        assert len(rollouts.units(lake, "r1", 1)) == len(counts) + 1


def test_kill_inside_the_commit_leaves_nothing(home: Path) -> None:
    location = LakeLocation.from_home(home)
    Lake(location).close()
    before = run_query(location, "SELECT max(snapshot_id) AS v FROM lake.snapshots()")
    process = start("dying", home)
    assert process.wait() == -9
    assert run_query(location, "SELECT max(snapshot_id) AS v FROM lake.snapshots()") == before
    assert shards(location) == {}
    with Lake(location) as lake:
        rollouts.append(lake, shard_rows(0))
    assert shards(location) == {0: (PER_SHARD, PER_SHARD)}


def test_writers_that_race_for_the_same_keys_write_each_once(home: Path) -> None:
    processes = [start("committer", home, 0, 5) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()
    counts = shards(LakeLocation.from_home(home))
    assert counts == dict.fromkeys(range(5), (PER_SHARD, PER_SHARD))


def test_readers_see_whole_commits_only(home: Path) -> None:
    location = LakeLocation.from_home(home)
    Lake(location).close()
    writer = start("committer", home, 0, 15)
    seen: Counter[int] = Counter()
    with Lake(location, read_only=True) as reader:
        newest = 0
        while writer.poll() is None:
            rows = reader.query(COUNTS).to_pylist()
            assert all((row["n"], row["problems"]) == (PER_SHARD, PER_SHARD) for row in rows)
            assert len(rows) >= newest, "a later query saw an older lake"
            newest = len(rows)
            seen[newest] += 1
    assert writer.stdout is not None
    writer.stdout.close()
    assert writer.returncode == 0
    assert len(seen) > 1, "the reader never saw the lake grow"
    assert len(shards(location)) == 15

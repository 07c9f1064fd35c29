"""Small files are merged into few, and every version stays unchanged."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from rise_core.records import Example
from storage import examples, rollouts
from storage.lake import Lake
from storage.maintenance import compact
from tests.storage.samples import shard_rows

EXAMPLES = [Example(f"p{shard}-0", 1, 0, [1, 2], [7, 8, 9, 2], 1.0, 12.2) for shard in range(4)]
ROWS = "SELECT * FROM rollouts ORDER BY ALL"


def filled(lake: Lake) -> None:
    for shard in range(4):
        rollouts.append(lake, shard_rows(shard))
    examples.append(lake, "r1", 1, EXAMPLES)


def versions(lake: Lake, numbers: range) -> dict[int, pa.Table]:
    """Read the rollouts of some versions in a new session."""
    with Lake(lake.location, read_only=True) as reader:
        return {
            number: reader.query(f"SELECT * FROM rollouts AT (VERSION => {number}) ORDER BY ALL") for number in numbers
        }


def on_disk(lake: Lake) -> set[str]:
    folder = Path(lake.location.data)
    return {str(path.relative_to(folder)) for path in folder.rglob("*.parquet")}


def test_files_become_few_and_no_version_changes(lake: Lake) -> None:
    filled(lake)
    newest = lake.version()
    numbers = range(newest - 4, newest + 1)
    known = versions(lake, numbers)
    assert len(known[newest - 4]) < len(known[newest])

    before, after = compact(lake, "r1", 1)
    # Four shards, their marks, and the marked rows; then one file. The examples, and the table of the version, stay.
    assert (before, after) == (4 + 4 + 1 + 2, 1 + 2)
    assert versions(lake, numbers) == known
    assert lake.query(ROWS) == known[newest]
    lake.check_files("r1")


def test_tidying_again_makes_no_version(lake: Lake) -> None:
    filled(lake)
    compact(lake, "r1", 1)
    version = lake.version()
    assert compact(lake, "r1", 1) == (3, 3)
    assert lake.version() == version


def test_runs_and_iterations_keep_files_of_their_own(lake: Lake) -> None:
    for run, iteration in (("r1", 1), ("r1", 2), ("r2", 1)):
        for shard in range(2):
            rollouts.append(lake, [replace(row, run=run, iteration=iteration) for row in shard_rows(shard)])
    compact(lake, "r2", 1)
    folders = {str(Path(path).parent) for path in on_disk(lake) if "rollouts" in path}
    assert folders == {f"main/rollouts/run={run}/iteration={k}" for run, k in (("r1", 1), ("r1", 2), ("r2", 1))}


def test_a_day_later_the_merged_files_go_with_their_sums(lake: Lake) -> None:
    filled(lake)
    newest = lake.version()
    numbers = range(newest - 4, newest + 1)
    known = versions(lake, numbers)
    compact(lake, "r1", 1)
    files = on_disk(lake)

    compact(lake, "r1", 1, keep=timedelta(days=-1))
    assert on_disk(lake) < files
    assert versions(lake, numbers) == known
    folder = Path(lake.location.data)
    checked = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert {line.partition(":")[0] for line in checked.stdout.splitlines()} == on_disk(lake)

"""A damaged, cut or missing data file of the lake is named before a read."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from rise_core.errors import UserError
from rise_core.records import Example
from storage import examples, rollouts
from storage.lake import Lake
from tests.storage.samples import rollout, shard_rows

EXAMPLE = Example("p1-0", 1, 0, [1, 2], [7, 8, 9, 2], 1.0, 12.2)


def files(lake: Lake, table: str = "rollouts") -> list[Path]:
    return sorted(Path(lake.location.data).rglob(f"{table}/**/*.parquet"))


def filled(lake: Lake) -> None:
    """Commit two units and a marked rollout: new data files, and a delete file for the replaced row."""
    rollouts.append(lake, shard_rows(0))
    rollouts.append(lake, shard_rows(1))
    examples.append(lake, "r1", 1, [EXAMPLE])


def test_every_file_has_its_sum(lake: Lake) -> None:
    filled(lake)
    folder = Path(lake.location.data)
    checked = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    listed = {line.partition(":")[0] for line in checked.stdout.splitlines()}
    assert listed == {str(path.relative_to(folder)) for path in folder.rglob("*.parquet")}
    assert any("delete" in name for name in listed)
    lake.check_files("r1")


@pytest.mark.parametrize("table", ["rollouts", "examples"])
def test_any_flipped_bit_is_found_and_the_file_named(lake: Lake, table: str) -> None:
    filled(lake)
    moments = random.Random(5)  # noqa: S311
    for _ in range(100):
        path = moments.choice(files(lake, table))
        content = path.read_bytes()
        bit = moments.randrange(8 * len(content))
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(UserError, match=f"{path.name} is damaged"):
            lake.check_files("r1")
        path.write_bytes(content)
    lake.check_files("r1")


def test_a_cut_or_missing_file_is_named_and_other_runs_go_on(lake: Lake) -> None:
    filled(lake)
    rollouts.append(lake, [rollout(run="r_", problem_id="p0"), rollout(run="r_", problem_id="p2")])
    path = files(lake)[0]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=rf"{path.name} has [\d,]+ bytes instead of [\d,]+, so run 'r1' cannot go on"):
        lake.check_files("r1")
    lake.check_files("r_")  # no pattern: it does not match r1
    path.unlink()
    with pytest.raises(UserError, match=f"{path.name} is missing"):
        lake.check_files("r1")


@pytest.mark.parametrize("cut", [0, 1, 30, 300])
def test_sums_that_a_crash_left_out_or_cut_short_are_written_at_the_next_opening(lake: Lake, cut: int) -> None:
    filled(lake)
    sums = Path(lake.location.data) / "SHA256SUMS"
    lines = sums.read_text()
    sums.write_text(lines[:-cut] if cut else "")
    with Lake(lake.location) as again:
        rollouts.append(again, shard_rows(2))
        again.check_files("r1")
    assert set(lines.splitlines()) <= set(sums.read_text().splitlines())


def test_a_moved_lake_is_checked_where_it_lies(lake: Lake, home: Path, tmp_path: Path) -> None:
    filled(lake)
    lake.close()
    shutil.move(home, tmp_path / "moved")
    with Lake(lake.location.from_home(tmp_path / "moved")) as moved:
        moved.check_files("r1")
        path = files(moved)[0]
        path.write_bytes(path.read_bytes() + b" ")
        with pytest.raises(UserError, match=str(path)):
            moved.check_files("r1")

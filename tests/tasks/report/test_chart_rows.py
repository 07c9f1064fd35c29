from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from storage.lake import Lake
from tasks.report import chart_rows
from tasks.report.captions import result_figures
from tests.tasks.report.conftest import new_lake
from tests.tasks.report.seeding import TURNS, evaluation, seed


def test_accuracy_and_changes_by_turn_are_those_of_the_rollouts(seeded: Lake) -> None:
    newest = [row for row in chart_rows.by_turn(seeded, "r1", "acc", "fixed", "broken") if row["iteration"] == 1]
    values = {(row["kind"], row["turn"]): (row["value"], row["n"]) for row in newest}
    # Problem 7's second turn could not be graded: n is lower, the value is not.
    assert values["acc", 1] == (50.0, 8)
    assert values["acc", 2] == (pytest.approx(100 * 2 / 7), 7)
    assert values["fixed", 2] == (pytest.approx(100 / 7), 7)
    assert values["broken", 2] == (pytest.approx(200 / 7), 7)
    assert values["fixed", 3] == (pytest.approx(200 / 7), 7)


def test_turns_and_parallel_samples_are_known_by_the_metric_names(seeded: Lake) -> None:
    rows = chart_rows.read_rows(seeded, chart_rows.COMPARED, "r1")
    assert {(row["role"], row["metric"]) for row in rows} == {
        ("one", "m1@t1"),
        ("turns", "m1@t3"),
        ("parallel", "m3@t1"),
    }


def test_weights_and_losses_are_those_of_training(seeded: Lake) -> None:
    weights = chart_rows.read_rows(seeded, chart_rows.WEIGHTS, "r1")
    assert [(row["bin"], row["examples"]) for row in chart_rows.histogram(weights, "reward")] == [("0", 1), ("1", 3)]
    assert [(row["bin"], row["examples"]) for row in chart_rows.histogram(weights, "weight")] == [("1", 1), ("12.5", 3)]
    losses = chart_rows.read_rows(seeded, chart_rows.LOSSES, "r1")
    assert [(row["iteration"], row["step"], row["loss"]) for row in losses][-1] == (1, 3, 7.0)


def test_many_values_share_twenty_bins() -> None:
    rows = [{"iteration": 1, "reward": i / 100, "examples": 1} for i in range(101)]
    bars = chart_rows.histogram(rows, "reward")
    assert len(bars) == 20
    assert sum(bar["examples"] for bar in bars) == 101
    assert {bar["bin"] for bar in bars} >= {"0 to 0.05", "0.95 to 1"}


def test_times_are_between_commits_without_the_pause_before_a_sitting(seeded: Lake) -> None:
    sql = "SELECT commit_message, epoch(snapshot_time) / 60 AS at FROM ducklake_snapshots('lake') ORDER BY snapshot_id"
    commits = seeded.query(sql).to_pylist()
    mine = [row for row in commits if (row["commit_message"] or "").startswith("run=r1 ")]
    goal = next(i for i, row in enumerate(mine) if "goal=1" in row["commit_message"])
    pause = mine[goal]["at"] - mine[goal - 1]["at"]
    values = chart_rows.stage_times(seeded, "r1")
    assert sum(row["minutes"] for row in values) == pytest.approx(mine[-1]["at"] - mine[0]["at"] - pause, abs=1e-7)
    assert {row["stage"] for row in values if row["iteration"] == 1} == {
        *("sample: training", "select", "fine-tune", "sample: turns", "sample: parallel", "evaluate")
    }


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A seeded lake for tests with changes."""
    with new_lake(tmp_path_factory.mktemp("scratch")) as lake:
        seed(lake)
        yield lake


def test_a_clock_that_was_set_back_takes_no_minutes_away(scratch: Lake) -> None:
    assert scratch.location.catalog_file is not None
    with closing(sqlite3.connect(scratch.location.catalog_file)) as catalog, catalog:
        catalog.execute("UPDATE ducklake_snapshot SET snapshot_time = '2001-01-01 00:00:00+00' WHERE snapshot_id = 9")
    assert all(row["minutes"] >= 0 for row in chart_rows.stage_times(scratch, "r1"))


def test_every_split_has_its_figures_and_its_own_number_of_turns(scratch: Lake) -> None:
    times = chart_rows.stage_times(scratch, "r1")
    evaluation(scratch, 1, [letters + "cw" for letters in TURNS], split="harder")
    figures = result_figures(scratch, "r1")
    assert chart_rows.stage_times(scratch, "r1") == times, "`rise eval` is no part of an iteration"
    assert list(figures) == ["eval", "harder"]
    depth = {split: max(int(row[1]) for row in shown[0].numbers) for split, shown in figures.items()}
    assert depth == {"eval": 3, "harder": 5}
    assert [figure.name for figure in figures["harder"]] == ["accuracy", "compared", "gains", "flows"]

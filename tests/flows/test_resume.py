"""A run killed during sampling, training and a commit resumes with the same command; each key exists once."""

import shutil
import time
from pathlib import Path

import pytest

from tests.flows.command import TINY, processes_of, query, started
from tests.flows.moments import Moment, committed, sampled, training, wait_for

pytestmark = pytest.mark.fault

COMMAND = ("run", TINY, "--run", "whole")
KEYS = "SELECT iteration, purpose, problem_id, turn, sample, shard, split FROM rollouts ORDER BY ALL"


def kill_when(home: Path, log: Path, moment: Moment, pause: float) -> None:
    """Start the run, kill the main process at a moment, and check that no process of the run lives on."""
    process = started(home, log, *COMMAND)
    wait_for(moment, home, process, log, pause=pause, timeout=300)
    process.kill()
    process.wait(timeout=30)
    deadline = time.monotonic() + 30
    while processes_of(home) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(home) == []


def queries_during(home: Path, log: Path) -> int:
    """Run to the end and query the lake meanwhile: every answer holds complete work units only."""
    process = started(home, log, *COMMAND)
    responses = {"collect": (4, 16), "eval_sequential": (4, 4, 4), "eval_parallel": (12,)}  # of a shard, by turn
    asked = 0
    while process.poll() is None:
        time.sleep(0.2)  # a query from another process; without the pause it would take a core from the run
        rows = query(home, "SELECT purpose, turn, shard, iteration, count(*) n FROM rollouts GROUP BY ALL")
        assert all(row["n"] == responses[row["purpose"]][row["turn"] - 1] for row in rows)
        asked += 1
    assert process.returncode == 0, log.read_text()[-4000:]
    return asked


def test_a_run_killed_three_times_ends_with_the_keys_of_an_undisturbed_one(whole: Path, tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "log.txt"
    stamps = (
        "SELECT shard, turn, max(created_at)::VARCHAR t FROM rollouts"
        " WHERE purpose = 'collect' AND iteration = 1 GROUP BY ALL"
    )

    for _ in range(3):  # the moment lasts tenths of a second: a late kill is repeated
        # At this moment the shard's first turn is in the lake, and some second turns are not.
        kill_when(home, log, sampled("whole", "collect-1-*-turn-2"), pause=0.001)
        before = query(home, stamps)
        if len(before) < 8:
            break
        shutil.rmtree(home)
    assert 0 < len(before) < 8, "the kills came after sampling was over"

    kill_when(home, log, training("whole"), pause=0.02)
    assert all(stamp in query(home, stamps) for stamp in before), "a finished (shard, turn) was sampled again"
    assert query(home, "SELECT max(iteration) k FROM checkpoints") == [{"k": 0}]

    kill_when(home, log, committed("examples", 2), pause=0.001)
    assert queries_during(home, log) > 3

    assert query(home, KEYS) == query(whole, KEYS)
    for table, key in {
        "checkpoints": "iteration",
        "metrics": "iteration, metric",
        "examples": "iteration, problem_id, turn",
    }.items():
        twice = query(home, f"SELECT {key} FROM {table} GROUP BY ALL HAVING count(*) > 1")
        assert twice == [], table
    assert query(home, "SELECT iteration FROM checkpoints ORDER BY 1") == [{"iteration": k} for k in range(3)]
    unmarked = (
        "SELECT count(*) n FROM examples ANTI JOIN (FROM rollouts WHERE selected) r"
        " USING (run, iteration, problem_id, turn, sample)"
    )
    assert query(home, unmarked) == [{"n": 0}]
    assert list((home / "runs/whole/staging").glob("*")) == []

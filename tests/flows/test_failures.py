"""A failing shard ends the run with a cause and no process; the same command resumes the run."""

from pathlib import Path

import pytest

from tests.flows.command import TINY, finished, processes_of, query, rise

pytestmark = pytest.mark.fault

COMMAND = ("run", TINY, "--run", "failing", "iterations=1", "collect.stop_on_success=true")


def test_an_engine_that_does_not_answer_in_time_is_named_and_the_run_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    failed = rise(home, *COMMAND, "engine.timeout=0.001")
    assert failed.returncode == 1
    assert "failing-engine-0" in failed.stderr
    assert "UnfinishedRun" not in failed.stderr
    assert processes_of(home) == []
    assert query(home, "SELECT iteration FROM checkpoints") == [{"iteration": 0}]

    finished(home, *COMMAND)
    rows = query(home, "SELECT iteration, purpose, turn, count(*) n FROM rollouts GROUP BY ALL ORDER BY ALL")
    counts = {(r["iteration"], r["purpose"], r["turn"]): r["n"] for r in rows}
    assert counts[1, "collect", 1] == 16
    wrong = query(
        home, "SELECT count(*) n FROM rollouts WHERE purpose = 'collect' AND turn = 1 AND verdict <> 'correct'"
    )[0]["n"]
    assert 0 < wrong < 16, "the case needs problems that were solved at turn 1 and others that were not"
    assert counts[1, "collect", 2] == 4 * wrong, "an episode goes on only where turn 1 was not right"
    assert counts[1, "eval_sequential", 3] == 12

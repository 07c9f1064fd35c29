"""A run whose teacher is a second local model, in engines of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.command import TINY, kill_group, living, processes_of, query, started
from tests.flows.moments import training, wait_for
from tests.flows.taught import TURNS, check_taught, make_teacher

pytestmark = pytest.mark.run


def test_a_second_local_model_teaches_a_run(tmp_path: Path) -> None:
    """Two pools of engines side by side, of which only the learner's is there when training starts."""
    home, log, weights = tmp_path / "home", tmp_path / "log.txt", make_teacher(tmp_path / "weights")
    settings = ("iterations=1", TURNS, f"teacher.model={weights}")
    settings += ("teacher.engine={max_model_len: 96, kv_cache_gib: 0.01, threads: 1}",)
    process = started(home, log, "run", TINY, "--run", "taught", *settings)
    try:
        wait_for(training("taught"), home, process, log, pause=0.01, timeout=400)
        engines = [command for command in living(home).values() if command.startswith("ray::EngineActor")]
        assert process.wait(timeout=400) == 0, log.read_text()[-4000:]
    finally:
        if process.poll() is None:
            kill_group(process)
    assert len(engines) == 1, "the teacher's engine lived on, or the learner's ended"
    assert f"teacher:{weights}, in 1 engine(s) of its own" in log.read_text(), "what it cost is not told"
    assert processes_of(home) == []

    check_taught(home, f"teacher:{weights}")
    firsts = query(home, "SELECT DISTINCT policy FROM rollouts WHERE purpose = 'collect' AND turn = 1")
    assert firsts == query(home, "SELECT checkpoint_id AS policy FROM checkpoints WHERE iteration = 0")

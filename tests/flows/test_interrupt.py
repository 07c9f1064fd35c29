"""Ctrl-C during sampling and SIGTERM during training end a run in order, without processes, and the run resumes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.flows.command import TINY, processes_of, query, started
from tests.flows.moments import Moment, sampled, training, wait_for

pytestmark = pytest.mark.fault

RUN = "stopped"
# Long enough for a signal in the middle: shards of one problem, thousands of steps.
COMMAND = ("run", TINY, "--run", RUN, "collect.shard_size=1", "train.optim.epochs=4000")


def stop_at(home: Path, log: Path, moment: Moment, sign: signal.Signals, whole_group: bool) -> int:
    """Start, wait for the moment, signal. Returns: the exit status. No process of the run may live on."""
    process = started(home, log, *COMMAND)
    try:
        wait_for(moment, home, process, log, pause=0.01, timeout=400)
        (os.killpg if whole_group else os.kill)(process.pid, sign)
        status = process.wait(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while processes_of(home) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(home) == []
    return status


def test_an_interrupted_run_ends_in_order_and_goes_on(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "log.txt"
    rollouts = "SELECT iteration, purpose, problem_id, turn, sample, response FROM rollouts ORDER BY ALL"

    # A terminal sends Ctrl-C to the whole group: also to the engines, the graders and the Prefect server.
    assert stop_at(home, log, sampled(RUN, "collect-1-*"), signal.SIGINT, whole_group=True) == 130
    assert "Crashed" in log.read_text(), "the flow run could not report its end"
    first = query(home, rollouts)
    assert query(home, "SELECT max(iteration) k FROM metrics") == [{"k": 0}]

    assert stop_at(home, log, training(RUN), signal.SIGTERM, whole_group=False) == -signal.SIGTERM
    second = query(home, rollouts)
    assert len(second) > len(first)
    assert [row for row in first if row not in second] == [], "what was committed is kept"
    assert len(query(home, "SELECT * FROM rollouts WHERE iteration = 1 AND turn = 1 AND purpose = 'collect'")) == 16
    assert query(home, "SELECT max(iteration) k FROM checkpoints") == [{"k": 0}], "nothing half-trained is published"

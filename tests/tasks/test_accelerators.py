"""Which runs wait for the GPUs, and for what; tests/deployments/test_limits.py has the limit of a served one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest
from prefect.logging import disable_run_logger

from rise_core.profiles import load
from tasks import accelerators
from tasks.accelerators import uses_gpus


@pytest.mark.parametrize(
    ("overrides", "waits"),
    [
        ([], False),
        (["engine.gpus=0.5"], True),
        (["train.gpus=1"], True),
        (["teacher.engine.gpus=1"], False),  # no turn of a teacher
        (["teacher.engine.gpus=1", "teacher.model=m", "collect.turns=[{policy: learner}, {policy: teacher}]"], True),
    ],
)
def test_only_what_uses_gpus_waits(overrides: list[str], waits: bool) -> None:
    assert uses_gpus(load("demo", overrides)) is waits


HOLD = """
import time
from prefect.logging import disable_run_logger
from rise_core.profiles import load
from tasks import accelerators

accelerators.own_server = True
with disable_run_logger(), accelerators.accelerators(load("demo", ["engine.gpus=1"])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_gpus_of_a_killed_run_are_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISE_HOME", str(tmp_path))
    monkeypatch.setattr(accelerators, "own_server", True)
    entered = Event()

    def second() -> None:
        with accelerators.accelerators(load("demo", ["engine.gpus=1"])):
            entered.set()

    with (
        subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) as first,
        disable_run_logger(),
    ):
        assert first.stdout is not None
        try:
            assert first.stdout.readline() == "held\n"
            thread = Thread(target=second)
            thread.start()
            assert not entered.wait(3)
        finally:
            first.send_signal(signal.SIGKILL)
        assert entered.wait(60)
        thread.join()

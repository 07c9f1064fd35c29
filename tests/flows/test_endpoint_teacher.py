"""A run with a teacher behind an endpoint: the rows, the cost, and the places of the key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rise_core.config.load import load_config
from rise_core.method.dialogue import states
from tests.flows.command import ROOT, TINY, environment, finished, query, rise
from tests.flows.taught import TURNS, check_taught, places_of
from tests.rise_core.answering.asking import KEY
from tests.rise_core.answering.teacher_server import MODEL, Fault, Proxy

pytestmark = pytest.mark.run

SAVE_BLOCK = """
import os
from flows.local.environment import use_home
use_home(None)
from flows.local.prefect_server import PrefectServer
with PrefectServer.reserve().running():
    from prefect.blocks.system import Secret
    Secret(value=os.environ["PLANTED"]).save("teacher-key")
"""


def look_at_command_lines(leaks: list[str]) -> Fault:
    """Search every process's arguments for the key, during the run's requests."""

    def fault(_: object) -> bool:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes().decode(errors="replace")
                except OSError:  # the process has ended
                    continue
                leaks.extend([command] if KEY in command else [])
        return False

    return fault


def test_a_flow_run_learns_from_its_teacher_within_the_budget(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    leaks: list[str] = []
    proxy.always = look_at_command_lines(leaks)
    command = ("run", TINY, "--run", "taught", "iterations=1", TURNS, f"teacher.model={MODEL}")
    command += (f"teacher.base_url={proxy.url}", "teacher.concurrency=2")

    monkeypatch.setenv("PLANTED", KEY)
    stopped = rise(home, *command, "teacher.api_key=env:PLANTED", "teacher.max_requests=5")
    assert stopped.returncode == 2, stopped.stderr[-4000:]
    [line] = [line for line in stopped.stderr.splitlines() if line.startswith("rise: ")]
    assert "teacher.max_requests = 5" in line
    assert "Traceback" not in stopped.stderr
    assert len(proxy.bodies) == 5

    subprocess.run([sys.executable, "-c", SAVE_BLOCK], env=environment(home), cwd=ROOT, check=True, timeout=300)
    monkeypatch.delenv("PLANTED")
    printed = finished(home, *command, "teacher.api_key=block:teacher-key", "teacher.max_requests=50")
    assert len(proxy.bodies) == 16, "every state was paid for once, over both starts"
    assert leaks == []
    assert KEY not in stopped.stdout + stopped.stderr + printed
    assert places_of(KEY, home) == []
    seen = places_of(f"teacher:{MODEL}", home)
    assert {"table rollouts", "rollouts of the page"} <= set(seen), "the search sees what is compressed"

    tokenizer = check_taught(home, f"teacher:{MODEL}")
    check_what_was_asked(home, proxy, tokenizer)
    assert os.path.getsize(home / "runs/taught/teacher.sqlite") > 0


def check_what_was_asked(home: Path, proxy: Proxy, tokenizer: Any) -> None:
    """The teacher saw the learner's first attempt and the feedback on it, as the learner would."""
    attempts = query(
        home,
        "SELECT p.problem, r.response FROM rollouts r JOIN problems p USING (run, split, problem_id)"
        " WHERE purpose = 'collect' AND turn = 1",
    )
    histories = [(row["problem"], [row["response"]]) for row in attempts]
    chats = [chat for chat, _ in states(tokenizer, histories, load_config(TINY).dialogue)]
    assert sorted(map(str, (body["messages"] for body in proxy.bodies))) == sorted(map(str, chats))

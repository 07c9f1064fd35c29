"""Recorded processes: found again, told from others, ended with their children."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deployments.processes import RecordedProcess, process_stamp

# The first thread ends at once, another one at the end of stdin.
HALF_GONE = """
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).pthread_exit(None)
"""
# A child needs a moment to end; parent and child print a word at their end.
FAMILY = """
import os, signal, time
parent = os.getpid()
def end(*_):
    if os.getpid() != parent:
        time.sleep(0.3)
    print("parent" if os.getpid() == parent else "child", flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, end)  # before the fork: no signal finds a process without it
child = os.fork()
if child:
    print("ready", flush=True)
    os.waitpid(child, 0)
while True:
    signal.pause()
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[RecordedProcess]:
    process = RecordedProcess(tmp_path / "worker")
    yield process
    process.end(0)


def start(process: RecordedProcess, program: str, **env: str) -> None:
    process.start([sys.executable, "-c", program], {**os.environ, **env}, Path.cwd(), note="4200")
    until(lambda: process.log.read_text().startswith("ready"))


def test_a_process_is_found_again_by_its_record(recorded: RecordedProcess, tmp_path: Path) -> None:
    start(recorded, FAMILY, SECRET="a")

    again = RecordedProcess(tmp_path / "worker")

    assert (again.pid, again.note, again.is_alive()) == (recorded.pid, "4200", True)
    assert again.was_started_with({"SECRET": "a"}, "SECRET", "NOT_THERE")
    assert not again.was_started_with({"SECRET": "b"}, "SECRET")
    assert not again.was_started_with({"NOT_THERE": ""}, "NOT_THERE")


def test_children_end_before_their_parent(recorded: RecordedProcess, tmp_path: Path) -> None:
    start(recorded, FAMILY)

    RecordedProcess(tmp_path / "worker").end(30, children_first=True)

    assert recorded.log.read_text().split() == ["ready", "child", "parent"]
    assert not (tmp_path / "worker.pid").exists()
    assert not recorded.is_alive()


def test_a_process_that_ignores_the_signal_is_ended_by_force(recorded: RecordedProcess) -> None:
    start(recorded, DEAF)

    recorded.end(0.1)

    until(lambda: not recorded.is_alive())


def test_another_process_with_the_recorded_id_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "worker.pid").write_text(f"{os.getpid()}\nanother boot 1\n\n")
    process = RecordedProcess(tmp_path / "worker")

    assert not process.is_alive()
    assert not process.was_started_with(os.environ)
    process.end(0)  # ends nothing: this test goes on


def test_a_process_is_not_gone_while_one_of_its_threads_lives() -> None:
    """Such a thread holds files and ports."""
    with subprocess.Popen([sys.executable, "-c", HALF_GONE], stdin=subprocess.PIPE) as process:
        assert process.stdin
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        assert process_stamp(process.pid)
        process.stdin.close()
        until(lambda: not process_stamp(process.pid))
    assert not process_stamp(process.pid)

"""A grading process: its memory limit, and its end after the death of its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.rise_core.verifiers.grading import (
    GSM8K,
    OWN,
    REPOSITORY,
    processes,
    shared_pool,
    wait_until,
)


def test_a_process_has_a_memory_limit() -> None:
    shared_pool("gsm8k").grade([("", GSM8K)])
    for pid in processes():
        limits = Path(f"/proc/{pid}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max address space")]
        assert 2 << 30 <= int(line.split()[3]) <= 16 << 30


SCRIPT = f"""
import sys
from rise_core.records import Problem
from rise_core.verifiers.grading_pool import GradingPool

if __name__ == "__main__":
    GradingPool("{OWN}:reporting", timeout=2.0).grade([("deaf", Problem("p", "train", "q", sys.argv[1]))])
"""


def test_a_process_deaf_to_signals_ends_though_its_parent_was_killed(tmp_path: Path) -> None:
    """Only the alarm's thread is left to end the process amid C code."""
    (tmp_path / "grade.py").write_text(SCRIPT)
    report = tmp_path / "pid"
    parent = subprocess.Popen(
        [sys.executable, "grade.py", str(report)], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}
    )
    wait_until(lambda: report.exists() and report.read_text().endswith("\n"))
    grading = int(report.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    try:
        wait_until(lambda: not is_running(grading))
    finally:
        if is_running(grading):
            os.kill(grading, signal.SIGKILL)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"

"""Helpers of the grading tests: shared pools, grading processes, threads."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers.grading_pool import GradingPool

REPOSITORY = Path(__file__).resolve().parents[3]
OWN = "tests.rise_core.verifiers.own_rules"
GSM8K = Problem("g", "train", "q", "#### 18")
RIGHT = Grade(Verdict.CORRECT, 1.0, "18")


GOLD = {"gsm8k": "#### 18", "gsm8k_reference": "#### 18", "math": "\\boxed{18}", "math_reference": "\\boxed{18}"}
_METADATA = {"generator": "chain_sum", "params": {}, "entry": {"answer": "18", "metadata": {}}}
_pools: dict[str, GradingPool] = {}


def problem_with_answer_18(verifier: str) -> Problem:
    """Return a problem with the gold answer 18 in the form of a shipped verifier."""
    return Problem("p", "train", "q", GOLD.get(verifier, "18"), metadata=_METADATA)


def right_response(verifier: str) -> str:
    """Return a correct response to `problem_with_answer_18`."""
    return "18" if verifier in ("exact", "reasoning_gym") else "\\boxed{18}"


def shared_pool(verifier: str) -> GradingPool:
    """Return the shared pool of a verifier, with a single process. Tests may only grade with this pool."""
    if verifier not in _pools:
        _pools[verifier] = GradingPool(verifier, workers=1, timeout=2.0)
    return _pools[verifier]


def close_shared_pools() -> None:
    """End the processes of all shared pools."""
    while _pools:
        _pools.popitem()[1].close()


def processes() -> set[int]:
    """Return the ids of all living grading processes, those of the shared pools included."""
    return {child.pid for child in multiprocessing.active_children() if child.pid and "pebble" in child.name}


def busy_process(others: set[int]) -> int:
    """Wait for a grading process at work (not still starting), and return its id.

    Args:
        others: Ids of processes of other pools.
    """
    busy: list[int] = []

    def look() -> bool:
        busy[:] = [pid for pid in processes() - others if _is_grading(pid)]
        return bool(busy)

    wait_until(look)
    return busy[0]


def in_thread(work: Callable[[], object]) -> Thread:
    """Start `work` in a thread."""
    thread = Thread(target=work)
    thread.start()
    return thread


def wait_until(holds: Callable[[], object]) -> None:
    """Wait at most two minutes for a condition."""
    end = monotonic() + 120
    while not holds():
        assert monotonic() < end, "waited in vain"
        sleep(0.02)


def run_python(
    folder: Path, *arguments: str, path: Path | str = REPOSITORY, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder`, with `path` as PYTHONPATH."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def _is_grading(pid: int) -> bool:
    """Return whether a process grades. The thread of its alarm lives exactly as long as a chunk (Linux)."""
    return len(os.listdir(f"/proc/{pid}/task")) > 1

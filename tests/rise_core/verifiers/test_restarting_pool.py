"""Stopped, dead and closed grading processes, from every kind of main program."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pebble
import pytest

from rise_core.records import Grade, Verdict
from rise_core.verifiers import restarting_pool
from rise_core.verifiers.grading_pool import GradingPool
from tests.rise_core.verifiers.grading import (
    GSM8K,
    OWN,
    RIGHT,
    busy_process,
    in_thread,
    processes,
    run_python,
    wait_until,
)

SLOW = f"{OWN}:slow"  # gsm8k, with responses beyond any deadline


def test_a_process_that_no_signal_interrupts_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pebble.CONSTS, "term_timeout", 0.2)  # seconds until SIGKILL follows SIGTERM
    others = processes()
    grades: list[Grade] = []
    with GradingPool(SLOW, workers=1, timeout=2.0) as pool:
        thread = in_thread(lambda: grades.extend(pool.grade([("slow", GSM8K)])))
        stuck = busy_process(others)
        os.kill(stuck, signal.SIGSTOP)
        again = busy_process(others | {stuck})
        os.kill(again, signal.SIGSTOP)
        thread.join(120)
        assert grades == [Grade(Verdict.TIMEOUT, 0.0, None)]
        assert pool.grade([("#### 18", GSM8K)]) == [RIGHT]


def test_a_process_that_stops_before_it_takes_a_call_is_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    others = processes()
    with GradingPool("gsm8k", timeout=2.0) as pool:
        assert pool.grade([("#### 18", GSM8K)]) == [RIGHT]
        (idle,) = processes() - others
        os.kill(idle, signal.SIGSTOP)
        monkeypatch.setattr(restarting_pool, "STUCK", 1.0)
        many = [("#### 17" + " " * 100_000 + str(n), GSM8K) for n in range(3)]  # more than the pipe holds
        grades: list[list[Grade]] = []

        def work() -> None:
            grades.append(pool.grade(many))

        threads = [in_thread(work) for _ in range(2)]
        wait_until(lambda: "they are replaced" in caplog.text)
        monkeypatch.undo()  # the new ones may take their time to start
        for thread in threads:
            thread.join(100)
        assert [grade.verdict for each in grades for grade in each] == [Verdict.WRONG] * 6
        assert idle not in processes()
    assert caplog.text.count("they are replaced") == 1


def test_a_process_that_works_on_a_large_chunk_is_left_to_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    others = processes()
    slow: list[Grade] = []
    with GradingPool(SLOW, timeout=1.0) as pool:
        assert pool.grade([("#### 18", GSM8K)]) == [RIGHT]
        pairs = [*((f"slow {n}", GSM8K) for n in range(5)), ("#### 18", GSM8K)]
        thread = in_thread(lambda: slow.extend(pool.grade(pairs)))
        busy_process(others)
        monkeypatch.setattr(restarting_pool, "STUCK", 1.5)  # with the small chunk's deadline, less than the large takes
        assert pool.grade([("#### 17", GSM8K)])[0].verdict is Verdict.WRONG
        thread.join()
    assert [grade.verdict for grade in slow] == [Verdict.TIMEOUT] * 5 + [Verdict.CORRECT]
    assert "they are replaced" not in caplog.text


def test_closing_ends_the_processes_and_wakes_waiting_threads() -> None:
    others = processes()
    pool = GradingPool(SLOW, workers=2, timeout=100.0)
    assert processes() == others, "processes start with the first answer"
    assert pool.grade([("#### 18", GSM8K)]) == [RIGHT]
    assert len(processes() - others) == 2
    failures: list[str] = []

    def work() -> None:
        try:
            pool.grade([("slow", GSM8K)])
        except RuntimeError as error:
            failures.append(str(error))

    thread = in_thread(work)
    busy_process(others)
    pool.close()
    thread.join(60)
    assert failures == ["the grading pool is closed"]
    assert processes() == others
    with pytest.raises(RuntimeError, match="closed"):
        pool.grade([("#### 18", GSM8K)])
    pool.close()


SCRIPT = """
from rise_core.records import Problem
from rise_core.verifiers.grading_pool import GradingPool


def main():
    pool = GradingPool("gsm8k")  # never closed
    print([grade.reward for grade in pool.grade([("#### 18", Problem("g", "train", "q", "#### 18"))])])


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("how", ["script", "module", "command"])
def test_it_works_from_any_kind_of_main_and_ends_without_close(tmp_path: Path, how: str) -> None:
    (tmp_path / "grading_script.py").write_text(SCRIPT)
    arguments = {"script": ["grading_script.py"], "module": ["-m", "grading_script"], "command": ["-c", SCRIPT]}[how]
    done = run_python(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (0, "[1.0]\n"), done.stderr


def test_a_script_without_a_main_guard_fails_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "unguarded.py").write_text(SCRIPT.replace('if __name__ == "__main__":', "if True:"))
    done = run_python(tmp_path, "unguarded.py")
    assert done.returncode == 1
    assert "guard" in done.stderr.splitlines()[-1]

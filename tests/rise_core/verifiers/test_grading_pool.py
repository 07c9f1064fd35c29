"""The grading pool with real processes: hostile answers, deaths, threads, and nothing left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest

from rise.core.errors import UserError
from rise.core.records import Grade, Problem, Verdict
from rise.core.verifiers import get
from rise.core.verifiers import grading_pool as pool_module
from rise.core.verifiers.grading_pool import GradingPool

REPOSITORY = Path(__file__).resolve().parents[3]
GSM8K = Problem("g", "train", "q", "#### 18")
MATH = Problem("m", "train", "q", "\\boxed{18}")
RIGHT = Grade(Verdict.CORRECT, 1.0, "18")
HANGS = "\\boxed{9^{9^{9^{9}}}}"
OWN = "tests.rise_core.verifiers.own_rules"
COUNTING = f"{OWN}:counting"
SLOW = f"{OWN}:slow"  # gsm8k, with responses that take longer than any deadline


@pytest.fixture(scope="module")
def gsm8k() -> Iterator[GradingPool]:
    with GradingPool("gsm8k", workers=1, timeout=60.0) as pool:
        yield pool


@pytest.fixture(scope="module")
def math() -> Iterator[GradingPool]:
    with GradingPool("math", workers=1, timeout=3.0) as pool:
        yield pool


def processes() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.pid and "pebble" in child.name]


def in_thread(work: Callable[[], object]) -> Thread:
    thread = Thread(target=work)
    thread.start()
    return thread


def wait_until(holds: Callable[[], object]) -> None:
    end = monotonic() + 120
    while not holds():
        assert monotonic() < end, "waited in vain"
        sleep(0.05)


def busy_process(others: set[int]) -> int:
    """The grading process, none of `others`, that is at work on a hostile answer (not still starting)."""
    found: list[int] = []

    def find() -> bool:
        found[:] = [pid for pid in set(processes()) - others if is_grading(pid)]
        return bool(found)

    wait_until(find)
    return found[0]


def is_grading(pid: int) -> bool:
    """Whether the alarm is set: faulthandler's thread lives exactly while a chunk is graded (Linux)."""
    return len(os.listdir(f"/proc/{pid}/task")) > 1


def test_grades_are_the_verifiers_in_order(gsm8k: GradingPool) -> None:
    items = [(f"#### {n % 40}" if n % 3 else "none", GSM8K) for n in range(500)]
    assert gsm8k.grade(items) == [get("gsm8k").grade(*item) for item in items]
    assert gsm8k.grade([]) == []


def test_one_response_to_two_problems_is_two_pairs(gsm8k: GradingPool) -> None:
    other = Problem("h", "train", "q", "#### 19")
    verdicts = [grade.verdict for grade in gsm8k.grade([("#### 19", GSM8K), ("#### 19", other), ("#### 19", GSM8K)])]
    assert verdicts == [Verdict.WRONG, Verdict.CORRECT, Verdict.WRONG]


@pytest.mark.parametrize(
    ("hostile", "verdict"),
    [
        (HANGS, Verdict.TIMEOUT),
        # On a fast machine math-verify gives it up before the deadline.
        ("\\boxed{" + "(" * 300 + "1" + ")" * 300 + "}", (Verdict.TIMEOUT, Verdict.NO_ANSWER)),
        ("{" * 3_000_000, Verdict.NO_ANSWER),
        ("\\boxed{" * 150_000, Verdict.NO_ANSWER),
        ("\\boxed{" + "9" * 3_000_000 + "}", Verdict.NO_ANSWER),
        ("\\boxed{\U0001f600\u202e\x00\ud800}", Verdict.NO_ANSWER),
        ("\\boxed{__import__('os').abort()}", None),
    ],
)
def test_a_hostile_answer_gets_its_verdict_and_spares_the_others(
    math: GradingPool, hostile: str, verdict: Verdict | tuple[Verdict, ...] | None
) -> None:
    items = [("\\boxed{18}", MATH), (hostile, MATH), ("The answer is 18", MATH)]
    before, grade, after = math.grade(items)
    assert before == after == RIGHT
    assert verdict is None or grade.verdict in (verdict if isinstance(verdict, tuple) else (verdict,))
    assert grade.reward == 0.0
    if grade.verdict is Verdict.TIMEOUT:
        assert grade.answer is None


def test_equal_answers_are_graded_once(math: GradingPool) -> None:
    # Each one would need three seconds, so 300 would outlast the wait.
    grades: list[Grade] = []
    thread = in_thread(lambda: grades.extend(math.grade([(HANGS, MATH)] * 300)))
    thread.join(120)
    assert [grade.verdict for grade in grades] == [Verdict.TIMEOUT] * 300


def test_what_was_graded_does_not_wait_for_the_cycle_collector(gsm8k: GradingPool) -> None:
    gc.collect()
    gc.disable()
    try:
        gsm8k.grade([(f"#### {number}", GSM8K) for number in range(3 * pool_module.CHUNK)])
        wait_until(lambda: not any(type(each) is pool_module.Job for each in gc.get_objects()))
    finally:
        gc.enable()


def test_threads_share_a_pool(gsm8k: GradingPool) -> None:
    results: dict[int, list[Grade]] = {}
    threads = [
        in_thread(lambda n=n: results.update({n: gsm8k.grade([(f"#### {n}.{i}1", GSM8K) for i in range(200)])}))
        for n in range(4)
    ]
    for thread in threads:
        thread.join()
    for n in range(4):
        assert [grade.answer for grade in results[n]] == [f"{n}.{i}1" for i in range(200)]


def test_a_verifier_that_raises_is_an_error_with_a_reason(gsm8k: GradingPool, caplog: pytest.LogCaptureFixture) -> None:
    broken = Problem("b", "train", "q", 18)  # type: ignore[arg-type]
    assert gsm8k.grade([("1", broken), ("2", broken), ("#### 18", GSM8K)]) == [Grade(Verdict.ERROR, 0.0)] * 2 + [RIGHT]
    assert "2 answer(s) got verdict error: AttributeError" in caplog.text


def test_a_process_has_a_memory_limit(gsm8k: GradingPool) -> None:
    gsm8k.grade([("", GSM8K)])
    (pid,) = processes()[:1]
    limits = Path(f"/proc/{pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max address space")]
    assert 2 << 30 <= int(line.split()[3]) <= 16 << 30


def test_the_answer_whose_process_dies_is_an_error_and_the_others_are_graded(caplog: pytest.LogCaptureFixture) -> None:
    others = set(processes())
    grades: list[Grade] = []
    with GradingPool(SLOW, workers=1, timeout=100.0) as pool:
        items = [("slow", GSM8K), ("#### 17", GSM8K), ("#### 18", GSM8K)]
        thread = in_thread(lambda: grades.extend(pool.grade(items)))
        first = busy_process(others)
        os.kill(first, signal.SIGKILL)  # with the whole chunk
        second = busy_process(others | {first})
        os.kill(second, signal.SIGKILL)  # with the slow answer alone
        thread.join(120)
    assert grades == [Grade(Verdict.ERROR, 0.0, None), Grade(Verdict.WRONG, 0.0, "17"), RIGHT]
    assert "1 answer(s) got verdict error: the grading process died (exit code -9)" in caplog.text


def test_a_process_that_no_signal_interrupts_is_killed() -> None:
    others = set(processes())
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


def test_an_answer_that_costs_its_deadline_costs_it_once(tmp_path: Path) -> None:
    tries = Problem("t", "train", "q", str(tmp_path / "tries"))
    responses = ["quick 1", "slow 1", "deaf 1", "quick 2", "deaf 2", "slow 2", "quick 3"]
    with GradingPool(COUNTING, workers=1, timeout=1.0) as pool:
        grades = pool.grade([(response, tries) for response in responses])
    late = [grade.verdict is Verdict.TIMEOUT for grade in grades]
    assert late == [not response.startswith("quick") for response in responses]
    graded = Counter((tmp_path / "tries").read_text().splitlines())
    assert set(graded) == set(responses)
    assert [graded[response] for response in responses if not response.startswith("quick")] == [1] * 4


def test_what_two_jobs_leave_is_graded_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "CHUNK", 2)
    folder = Problem("t", "train", "q", str(tmp_path))
    with GradingPool(f"{OWN}:meeting", workers=2, timeout=5.0) as pool:
        grades = pool.grade([(response, folder) for response in ("slow 1", "here", "slow 2", "there")])
    assert [grade.verdict for grade in grades] == [Verdict.TIMEOUT, Verdict.CORRECT] * 2


def test_a_process_that_stops_before_it_takes_a_job_is_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    others = set(processes())
    with GradingPool("gsm8k") as pool:
        assert pool.grade([("#### 18", GSM8K)]) == [RIGHT]
        (idle,) = set(processes()) - others
        os.kill(idle, signal.SIGSTOP)
        monkeypatch.setattr(pool_module, "STUCK", 3.0)
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


def test_a_process_that_works_on_a_large_job_is_left_to_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    others = set(processes())
    slow: list[Grade] = []
    with GradingPool(SLOW, timeout=1.0) as pool:
        assert pool.grade([("#### 18", GSM8K)]) == [RIGHT]
        items = [*((f"slow {n}", GSM8K) for n in range(8)), ("#### 18", GSM8K)]
        thread = in_thread(lambda: slow.extend(pool.grade(items)))
        busy_process(others)
        monkeypatch.setattr(pool_module, "STUCK", 4.0)  # with the small job's deadline less than the large one takes
        assert pool.grade([("#### 17", GSM8K)])[0].verdict is Verdict.WRONG
        thread.join()
    assert [grade.verdict for grade in slow] == [Verdict.TIMEOUT] * 8 + [Verdict.CORRECT]
    assert "they are replaced" not in caplog.text


def test_closing_ends_the_processes_and_wakes_waiting_threads() -> None:
    others = set(processes())
    pool = GradingPool(SLOW, workers=2, timeout=100.0)
    assert set(processes()) == others, "processes start with the first answer"
    assert pool.grade([("#### 18", GSM8K)]) == [RIGHT]
    mine = set(processes()) - others
    assert len(mine) == 2
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
    assert set(processes()) == others
    with pytest.raises(RuntimeError, match="closed"):
        pool.grade([("#### 18", GSM8K)])
    pool.close()


SCRIPT = """
from rise.core.records import Problem
from rise.core.verifiers.grading_pool import GradingPool


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


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_wrong_settings_are_refused_before_anything_starts() -> None:
    with pytest.raises(UserError, match="no verifier 'magic'"):
        GradingPool("magic")
    with pytest.raises(UserError, match=r"verify\.timeout must be above 0"):
        GradingPool("gsm8k", timeout=0)

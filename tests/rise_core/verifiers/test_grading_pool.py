"""The grading pool with real processes: order, hostile responses, blame for deaths."""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from rise_core.errors import UserError
from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import get, grading_pool
from rise_core.verifiers.grading_pool import Chunk, GradingPool
from rise_core.verifiers.restarting_pool import Call
from tests.rise_core.verifiers.grading import (
    GSM8K,
    OWN,
    RIGHT,
    busy_process,
    in_thread,
    processes,
    shared_pool,
    wait_until,
)

MATH = Problem("m", "train", "q", "\\boxed{18}")
HANGS = "\\boxed{9^{9^{9^{9}}}}"
SLOW = f"{OWN}:slow"  # gsm8k, with responses beyond any deadline


@pytest.fixture
def gsm8k() -> GradingPool:
    return shared_pool("gsm8k")


@pytest.fixture
def math() -> GradingPool:
    return shared_pool("math")


def test_grades_are_the_verifiers_in_order(gsm8k: GradingPool) -> None:
    pairs = [(f"#### {n % 40}" if n % 3 else "none", GSM8K) for n in range(500)]
    assert gsm8k.grade(pairs) == [get("gsm8k").grade(*pair) for pair in pairs]
    assert gsm8k.grade([]) == []


def test_one_response_to_two_problems_is_two_pairs(gsm8k: GradingPool) -> None:
    other = Problem("h", "train", "q", "#### 19")
    verdicts = [grade.verdict for grade in gsm8k.grade([("#### 19", GSM8K), ("#### 19", other), ("#### 19", GSM8K)])]
    assert verdicts == [Verdict.WRONG, Verdict.CORRECT, Verdict.WRONG]


@pytest.mark.parametrize(
    ("hostile", "verdict"),
    [
        (HANGS, Verdict.TIMEOUT),
        # A fast machine gives up before the deadline.
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
    before, grade, after = math.grade([("\\boxed{18}", MATH), (hostile, MATH), ("The answer is 18", MATH)])
    assert before == after == RIGHT
    assert verdict is None or grade.verdict in (verdict if isinstance(verdict, tuple) else (verdict,))
    assert grade.reward == 0.0
    if grade.verdict is Verdict.TIMEOUT:
        assert grade.answer is None


def test_equal_answers_are_graded_once(math: GradingPool) -> None:
    """300 separate gradings would take ten minutes; the test waits for two."""
    grades: list[Grade] = []
    thread = in_thread(lambda: grades.extend(math.grade([(HANGS, MATH)] * 300)))
    thread.join(120)
    assert [grade.verdict for grade in grades] == [Verdict.TIMEOUT] * 300


def test_what_was_graded_does_not_wait_for_the_cycle_collector(gsm8k: GradingPool) -> None:
    gc.collect()
    gc.disable()
    try:
        gsm8k.grade([(f"#### {number}", GSM8K) for number in range(3 * grading_pool.CHUNK)])
        wait_until(lambda: not any(type(each) in (Chunk, Call) for each in gc.get_objects()))
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


def test_the_answer_whose_process_dies_is_an_error_and_the_others_are_graded(caplog: pytest.LogCaptureFixture) -> None:
    others = processes()
    grades: list[Grade] = []
    with GradingPool(SLOW, workers=1, timeout=100.0) as pool:
        pairs = [("slow", GSM8K), ("#### 17", GSM8K), ("#### 18", GSM8K)]
        thread = in_thread(lambda: grades.extend(pool.grade(pairs)))
        first = busy_process(others)
        os.kill(first, signal.SIGKILL)  # with the whole chunk
        second = busy_process(others | {first})
        os.kill(second, signal.SIGKILL)  # with the slow response alone
        thread.join(120)
    assert grades == [Grade(Verdict.ERROR, 0.0, None), Grade(Verdict.WRONG, 0.0, "17"), RIGHT]
    assert "1 answer(s) got verdict error: the grading process died (exit code -9)" in caplog.text


def test_an_answer_that_costs_its_deadline_costs_it_once(tmp_path: Path) -> None:
    tries = Problem("t", "train", "q", str(tmp_path / "tries"))
    responses = ["quick 1", "slow 1", "deaf 1", "quick 2", "deaf 2", "slow 2", "quick 3"]
    with GradingPool(f"{OWN}:counting", workers=1, timeout=1.0) as pool:
        grades = pool.grade([(response, tries) for response in responses])
    late = [grade.verdict is Verdict.TIMEOUT for grade in grades]
    assert late == [not response.startswith("quick") for response in responses]
    graded = Counter((tmp_path / "tries").read_text().splitlines())
    assert set(graded) == set(responses)
    assert [graded[response] for response in responses if not response.startswith("quick")] == [1] * 4


def test_what_two_chunks_leave_is_graded_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading_pool, "CHUNK", 2)
    folder = Problem("t", "train", "q", str(tmp_path))
    with GradingPool(f"{OWN}:meeting", workers=2, timeout=3.0) as pool:
        grades = pool.grade([(response, folder) for response in ("slow 1", "here", "slow 2", "there")])
    assert [grade.verdict for grade in grades] == [Verdict.TIMEOUT, Verdict.CORRECT] * 2


def test_gold_answers_are_refused_where_not_one_can_be_read(gsm8k: GradingPool) -> None:
    unread = Problem("p1", "train", "q", "eighteen")
    gsm8k.check_golds([unread, Problem("p7", "train", "q", "18")])
    with pytest.raises(UserError, match=r"gsm8k can read no gold answer of 2 problems, from p1 on \('eighteen'\)"):
        gsm8k.check_golds([unread, Problem("p2", "train", "q", "nineteen")])


def test_wrong_settings_are_refused_before_anything_starts() -> None:
    with pytest.raises(UserError, match="no verifier 'magic'"):
        GradingPool("magic")
    with pytest.raises(UserError, match=r"verify\.timeout must be above 0"):
        GradingPool("gsm8k", timeout=0)

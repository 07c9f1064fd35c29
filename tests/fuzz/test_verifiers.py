"""Every verifier grades hostile responses and gold answers in time, in real grading processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import NAMES
from rise_core.verifiers.grading_pool import GradingPool
from tests.fuzz.inputs import deadline, fuzzed, hostile_text, pieces
from tests.rise_core.verifiers.grading import (
    close_shared_pools,
    problem_with_answer_18,
    right_response,
    shared_pool,
)

pytestmark = pytest.mark.fuzz

SIGNS = [
    *("\\boxed{", "\\boxed", "{", "}", "(", ")", "#### ", "The answer is ", "answer:", "<answer>", "</answer>", "$"),
    *("\\frac", "\\dfrac{1}{2}", "\\sqrt", "\\text{ m}", "\\left(", "\\right)"),
    *("^", "_", "**", "!", "/", "%", "=", "\\"),
    *("1", "18", "-7", "0.5", ".", ",", "1,000", "9" * 60, "1e9", "\u2212", "\uff11", "\u0661", "x", "\\pi", "\\infty"),
    *("\\cup", "[0,1)", "\\{1,2\\}", "\\begin{pmatrix}1\\\\2\\end{pmatrix}", " ", "\n", "nan", "inf", "None", "True"),
]
responses = st.one_of(pieces(SIGNS, most=16), hostile_text)
# Verifiers of this project without mathematics: no text may make them raise or wait. Scorers of reasoning-gym do raise,
# for example on gold answer "," (a division by zero): verdict `error`, with the reason in the log.
SIMPLE = ("exact", "numeric", "gsm8k", "gsm8k_reference", "math_reference")


@pytest.fixture(scope="module", params=NAMES)
def pool(request: pytest.FixtureRequest) -> Iterator[GradingPool]:
    yield shared_pool(request.param)
    close_shared_pools()


@fuzzed()
@given(responses, st.none() | responses)
def test_responses_and_gold_answers(pool: GradingPool, response: str, answer: str | None) -> None:
    problem = problem_with_answer_18(pool.verifier)
    if answer is not None:
        entry = {"answer": answer, "metadata": {}}
        problem = Problem("q", "train", "q", answer, metadata={**problem.metadata, "entry": entry})
    with deadline(60):
        (grade,) = pool.grade([(response, problem)])
    check(pool.verifier, grade)


def check(verifier: str, grade: Grade) -> None:
    allowed = set(Verdict) - ({Verdict.ERROR, Verdict.TIMEOUT} if verifier in SIMPLE else set())
    assert grade.verdict in allowed
    assert grade.reward in (-1.0, 0.0, 1.0)
    assert (grade.reward == 1.0) == (grade.verdict is Verdict.CORRECT)
    if grade.verdict in (Verdict.CORRECT, Verdict.WRONG):
        assert grade.answer
    if grade.answer is not None:
        grade.answer.encode()


def test_a_scorer_that_raises_gives_verdict_error_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    entry = {"generator": "chain_sum", "params": {}, "entry": {"answer": ",", "metadata": {}}}
    with GradingPool("reasoning_gym", workers=1, timeout=2.0) as pool:
        grades = pool.grade(
            [("0", Problem("q", "train", "q", ",", metadata=entry)), ("18", problem_with_answer_18("reasoning_gym"))]
        )
    assert [grade.verdict for grade in grades] == [Verdict.ERROR, Verdict.CORRECT]
    assert "ZeroDivisionError" in caplog.text


def test_the_pool_still_grades_rightly_afterwards(pool: GradingPool) -> None:
    pair = (right_response(pool.verifier), problem_with_answer_18(pool.verifier))
    assert [grade.verdict for grade in pool.grade([pair])] == [Verdict.CORRECT]

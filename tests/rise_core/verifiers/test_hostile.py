"""Hostile responses to every shipped verifier, in real grading processes, get honest verdicts."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import NAMES, math
from rise_core.verifiers.grading_pool import GradingPool
from tests.rise_core.verifiers.grading import problem_with_answer_18, right_response, shared_pool

TIMEOUT = 2.0
MEGA = 2_000_000
HOSTILE = {
    "tower": "\\boxed{9**9**9**9}",
    "LaTeX tower": "\\boxed{9^{9^{9^{9}}}} #### 9^9^9^9",
    "factorials": "\\boxed{" + "9" * 6 + "!" * 50 + "}",
    "opening braces": "{" * MEGA,
    "closing braces": "}" * MEGA,
    "boxed braces": "\\boxed{" + "{}" * MEGA + "}",
    "opened boxes": "\\boxed{" * (MEGA // 7),
    "nested boxes": "\\boxed{" * 100_000 + "17" + "}" * 100_000,
    "deep brackets": "\\boxed{" + "(" * 500 + "1" + ")" * 500 + "}",
    "deep fractions": "\\boxed{" + "\\frac{1}{" * 5_000 + "2" + "}" * 5_000 + "}",
    "huge number": "\\boxed{" + "9" * MEGA + "}",
    "huge plain number": "9" * MEGA,
    "huge exponent": "1e999999999 \\boxed{1e999999999}",
    "right to left": "\\boxed{\u202e81\u202c}",
    "combining": "\\boxed{18" + "\u0301" * 100_000 + "}",
    "half a surrogate pair": "\\boxed{\ud800} #### \udfff",
    "NUL": "\\boxed{\x0018\x00}",
    "other digits": "\\boxed{\u0661\u0668} #### \uff11\uff18",
    "code": "\\boxed{__import__('os').abort()} #### __import__('os').abort()",
    "marks": "#### answer is " * (MEGA // 15),
}


@pytest.mark.parametrize("verifier", NAMES)
def test_a_hostile_answer_gets_an_honest_verdict(verifier: str) -> None:
    problem = problem_with_answer_18(verifier)
    pairs = [(right_response(verifier), problem)]
    for text in HOSTILE.values():
        pairs += [(text, problem), (right_response(verifier), problem)]
    grades = shared_pool(verifier).grade(pairs)
    assert [grade.verdict for grade in grades[::2]] == [Verdict.CORRECT] * (len(HOSTILE) + 1)
    for name, grade in zip(HOSTILE, grades[1::2], strict=True):
        assert is_honest(verifier, name, grade), (name, grade.verdict, grade.reward, (grade.answer or "")[:80])
        (grade.answer or "").encode()  # raises where the lake could not store the answer


def test_an_answer_that_hangs_math_costs_its_deadline_once(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    problem = Problem("p", "train", "q", "\\boxed{18}", metadata={"tries": str(tries)})
    with GradingPool(f"{__name__}:noted", workers=1, timeout=TIMEOUT) as pool:
        grades = pool.grade([(text, problem) for text in HOSTILE.values()])
    begun = Counter(tries.read_text().split())
    assert begun.keys() == {name_of(text) for text in HOSTILE.values()}
    late = [
        name for (name, text), grade in zip(HOSTILE.items(), grades, strict=True) if grade.verdict is Verdict.TIMEOUT
    ]
    assert "LaTeX tower" in late
    assert {name: begun[name_of(HOSTILE[name])] for name in late} == dict.fromkeys(late, 1)


def noted(response: str, problem: Problem) -> Grade:
    """Grade like `math`, after an entry in the file named by the problem."""
    with open(problem.metadata["tries"], "a", encoding="utf-8") as file:
        file.write(f"{name_of(response)}\n")
    return math.grade(response, problem)


def name_of(response: str) -> str:
    return hashlib.sha256(response.encode("utf-8", "surrogatepass")).hexdigest()


def is_honest(verifier: str, name: str, grade: Grade) -> bool:
    """Return whether a verdict is true. No hostile response is right, except other digits to the published code."""
    if grade.verdict is Verdict.CORRECT:
        return verifier == "gsm8k_reference" and name == "other digits"
    if grade.verdict is Verdict.NO_ANSWER:
        return grade.reward == (-1.0 if verifier.startswith("gsm8k") else 0.0) and grade.answer is None
    if grade.verdict is Verdict.WRONG:
        return grade.reward == 0.0 and bool(grade.answer)
    return grade.verdict in (Verdict.TIMEOUT, Verdict.ERROR) and grade.reward == 0.0 and grade.answer is None

"""MATH grading by math-verify: mathematical equality of stated answers, one class for one value."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread

import pytest

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import get


def grade(response: str, gold: str) -> Grade:
    return get("math").grade(response, Problem("p", "train", "q", gold))


@pytest.mark.parametrize(
    ("response", "gold"),
    [
        ("\\boxed{\\frac{1}{2}}", "\\boxed{0.5}"),
        ("so $\\boxed{\\frac12}$.", "\\boxed{\\dfrac{1}{2}}"),
        ("\\boxed{3}, no: \\boxed{2\\sqrt{2}}", "\\boxed{\\sqrt{8}}"),
        ("\\boxed{x^2+2x+1}", "\\boxed{(x+1)^2}"),
        ("\\boxed{(3, \\frac{\\pi}{2})}", "\\boxed{\\left( 3, \\frac{\\pi}{2} \\right)}"),
        ("\\boxed{1,000}", "\\boxed{1000}"),
        ("\\boxed{10\\%}", "\\boxed{10}"),
        ("\\boxed{\\text{Evelyn}}", "\\boxed{\\text{Evelyn}}"),
        ("\\boxed{x = 5}", "\\boxed{5}"),
        ("\\fbox{5}", "5"),
        ("Final Answer: The final answer is $\\frac{1}{2}$. I hope it is correct.", "\\boxed{\\frac12}"),
        ("The answer is 7.", "\\boxed{7}"),
    ],
)
def test_equal_values_are_correct(response: str, gold: str) -> None:
    result = grade(response, gold)
    assert (result.verdict, result.reward) == (Verdict.CORRECT, 1.0)
    assert result.answer


@pytest.mark.parametrize(
    ("response", "gold"),
    [("\\boxed{3}", "\\boxed{5}"), ("\\boxed{(1,2)}", "\\boxed{(2,1)}"), ("\\boxed{5} then \\boxed{6}", "\\boxed{5}")],
)
def test_other_values_are_wrong(response: str, gold: str) -> None:
    result = grade(response, gold)
    assert (result.verdict, result.reward) == (Verdict.WRONG, 0.0)


@pytest.mark.parametrize(
    "response", ["", "5", "it is $5$", "x = 5", "\\boxed{}", "\\boxed{5", "The answer is wrong.\n5"]
)
def test_what_a_response_does_not_state_is_no_answer(response: str) -> None:
    assert grade(response, "\\boxed{5}") == Grade(Verdict.NO_ANSWER, 0.0, None)


@pytest.mark.parametrize("gold", ["", "\\boxed{}", "\\boxed{\\sqrt}", "\\boxed{x^}"])
def test_an_unparseable_gold_never_scores(gold: str) -> None:
    for response in ("\\boxed{5}", "", "\\boxed{}"):
        result = grade(response, gold)
        assert (result.verdict, result.reward) == (Verdict.GOLD_UNPARSEABLE, 0.0)


def test_an_unreadable_gold_is_still_matched_by_its_own_text() -> None:
    assert grade("\\boxed{ x^ }", "\\boxed{x^}").verdict is Verdict.CORRECT


@pytest.mark.parametrize(
    "same",
    [
        ["\\frac{1}{2}", "0.5", "\\dfrac12", "\\frac{2}{4}", "2^{-1}"],
        ["\\sqrt{8}", "2\\sqrt{2}"],
        ["(x+1)^2", "x^2+2x+1", "1+2x+x^2"],
        ["5", "5.0", "x=5", "\\$5"],
        ["26\\pi", "13\\pi\\cdot 2"],
    ],
)
def test_equal_answers_vote_together(same: list[str]) -> None:
    classes = {grade(f"\\boxed{{{text}}}", "\\boxed{77}").answer for text in same}
    assert len(classes) == 1
    assert classes != {grade("\\boxed{76}", "\\boxed{77}").answer}


def test_it_works_off_the_main_thread() -> None:
    # math-verify's own time-outs raise there, and a swallowed exception would score every answer 0.
    results: list[Grade] = []
    thread = Thread(target=lambda: results.append(grade("\\boxed{\\frac{1}{2}}", "\\boxed{0.5}")))
    thread.start()
    thread.join()
    assert [result.verdict for result in results] == [Verdict.CORRECT]


def test_real_solutions_are_correct_and_others_are_not(data_dir: Path) -> None:
    lines = (data_dir / "math_test_first300.jsonl").read_text("utf-8").splitlines()
    solutions = [json.loads(line)["solution"] for line in lines[:120]]
    assert all(grade(solution, solution).verdict is Verdict.CORRECT for solution in solutions)
    swapped = [grade(solutions[i - 1], solution) for i, solution in enumerate(solutions)]
    assert {result.verdict for result in swapped} <= {Verdict.CORRECT, Verdict.WRONG}
    assert sum(result.verdict is Verdict.CORRECT for result in swapped) <= 6

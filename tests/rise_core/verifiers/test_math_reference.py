"""The published RISE code's rules for MATH: real problems, and differences from ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import get, math_reference


def grade(name: str, response: str, gold: str) -> Grade:
    return get(name).grade(response, Problem("p", "train", "q", gold))


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def maths(response: str, gold: str) -> Grade:
    return grade("math_reference", f"so $\\boxed{{{response}}}$", f"\\boxed{{{gold}}}")


@pytest.mark.parametrize(
    ("response", "gold"),
    [
        ("0.5", "\\frac{1}{2}"),
        (".5", "\\frac12"),
        ("1/2", "\\dfrac{1}{2}"),
        ("\\tfrac1{72}", "\\frac{1}{72}"),
        ("-3/4", "\\frac{-3}{4}"),
        ("\\sqrt3", "\\sqrt{3}"),
        ("\\left( 3, 4 \\right)", "(3,4)"),
        ("x = 5", "5"),
        ("10\\%", "10"),
        ("\\$ 7", "7"),
        ("90^\\circ", "90^{\\circ}"),
        ("5 \\text{ cm}", "5"),
        ("1,\\!000", "1,000"),
        ("{.5}x", "{0.5}x"),
        ("\\begin{matrix}1\\\\2", "\\begin{matrix}1\\2"),
        ("\\frac{1}{\\sqrt{2}}+3", "\\frac{1}{\\sqrt{2}}"),  # braces count to a depth of two only
        ("\\frac", "\\frac"),  # what cannot be normalised is compared as it is
        ("5\\text{ a}\\text{ b}", "5\\text{ a}\\text{ b}"),
    ],
)
def test_math_same_normal_form(response: str, gold: str) -> None:
    result = maths(response, gold)
    assert (result.verdict, result.reward) == (Verdict.CORRECT, 1.0)
    if gold != "\\frac":
        assert result.answer == maths(gold, gold).answer


@pytest.mark.parametrize(
    ("response", "gold", "ours"),
    [
        ("0.25", "\\frac{1}{4}", Verdict.CORRECT),
        ("2\\sqrt{2}", "\\sqrt{8}", Verdict.CORRECT),
        ("(x+1)^2", "x^2+2x+1", Verdict.CORRECT),
        ("1000", "1,000", Verdict.CORRECT),
        ("xyz = 5", "5", Verdict.CORRECT),
        ("\\frac{72}1", "72", Verdict.CORRECT),
        ("\\sqrt 3", "\\sqrt{3}", Verdict.CORRECT),
        ("02/4", "\\frac{02}{4}", Verdict.CORRECT),
        ("3", "5", Verdict.WRONG),
    ],
)
def test_math_other_normal_form(response: str, gold: str, ours: Verdict) -> None:
    assert maths(response, gold).verdict is Verdict.WRONG
    assert maths(response, gold).reward == 0.0
    assert grade("math", f"\\boxed{{{response}}}", f"\\boxed{{{gold}}}").verdict is ours


def test_math_without_a_box() -> None:
    for response in ("", "5", "The answer is 5", "\\boxed{}", "\\boxed{5", "\\fbox 5"):
        assert grade("math_reference", response, "\\boxed{5}") == Grade(Verdict.NO_ANSWER, 0.0, None)
    assert grade("math_reference", "none", "none").verdict is Verdict.GOLD_UNPARSEABLE
    assert grade("math_reference", "\\boxed{5}", "5") == Grade(Verdict.GOLD_UNPARSEABLE, 0.0, "5")
    assert grade("math_reference", "boxed{4} \\boxed{5}", "\\boxed{5}").verdict is Verdict.CORRECT


@given(st.text(alphabet="\\{}/=.0518 \nfracsqrtboxed%$,x-", max_size=40))
def test_math_any_text_gets_a_verdict(text: str) -> None:
    result = maths(text, "5")
    assert result.verdict.is_fact
    assert maths(text, text).verdict in (Verdict.CORRECT, Verdict.GOLD_UNPARSEABLE)


@given(st.text(alphabet="ab{}", max_size=30))
def test_the_last_box_ends_as_the_published_pattern_says(text: str) -> None:
    # Independent of the code under test: the shortest prefix that is balanced to a depth of two, brace by brace.
    def content(rest: str) -> str | None:
        position = 0
        while position < len(rest):
            if rest[position] == "}":
                return rest[:position]
            position = rest.find("}", position) + 1 if rest[position] == "{" else position + 1
            if position == 0:
                return None
        return None

    assert math_reference.published_box(f"\\boxed{{{text}") == content(text)


def test_math_real_solutions(data_dir: Path) -> None:
    solutions = [row["solution"] for row in rows(data_dir / "math_test_first300.jsonl")]
    assert len(solutions) == 300
    assert all(grade("math_reference", solution, solution).verdict is Verdict.CORRECT for solution in solutions)
    swapped = [grade("math_reference", solutions[i - 1], solution) for i, solution in enumerate(solutions)]
    assert sum(result.verdict is Verdict.CORRECT for result in swapped) <= 12
    assert {result.verdict for result in swapped} <= {Verdict.CORRECT, Verdict.WRONG}

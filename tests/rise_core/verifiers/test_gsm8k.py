"""GSM8K grading: the number taken for the answer, and responses without any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import get, gsm8k


def problem(answer: str) -> Problem:
    return Problem("p", "train", "How many?", answer)


def grade(response: str, answer: str = "She has 9 + 9 = <<9+9=18>>18.\n#### 18") -> Grade:
    return get("gsm8k").grade(response, problem(answer))


@pytest.mark.parametrize(
    "response",
    [
        "#### 18",
        "####18",
        "####\n18",
        "so\n#### $18.00.",
        "#### 18 dollars",
        "#### **18**",
        "##### 18",
        "#### 18%",
        "#### 9 + 9 = 18",
        "#### 17\n#### 18",
        "#### 17 #### 18",
        "#### 18\n\n#### Explanation\nnine and nine",
        "\\boxed{18}",
        "\\boxed{\\$18}",
        "\\boxed{18\\text{ dollars}}",
        "\\boxed{x = 18}",
        "first \\boxed{17}, no, \\boxed{\\boxed{18}}",
        "The answer is 18.",
        "The final ANSWER is: **$18.00**",
        "Answer: 9 + 9 = 18",
        "The answer is 36/2.",
        "the answer is 17. No, the answer is 18",
    ],
)
def test_a_stated_answer_is_found(response: str) -> None:
    assert grade(response) == Grade(Verdict.CORRECT, 1.0, "18")


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("#### 17", "17"),
        ("#### -18", "-18"),
        ("#### \u221218", "-18"),
        ("#### -$18", "-18"),
        ("#### 1,800", "1800"),
        ("#### 18.5", "18.5"),
        ("\\boxed{1{,}800}", "1800"),
        ("#### 17\nThe answer is 18", "17"),
        ("\\boxed{17}. The answer is 18", "17"),
        ("the answer is 1/3", "1/3"),
    ],
)
def test_another_number_is_wrong(response: str, answer: str) -> None:
    assert grade(response) == Grade(Verdict.WRONG, 0.0, answer)


@pytest.mark.parametrize(
    "response",
    [
        "",
        "   ",
        "18",
        "She has 18 clips.",
        "9 + 9 = 18",
        "####",
        "#### eighteen",
        "\\boxed{}",
        "\\boxed{18",
        "The answer is incorrect. Please try again.\n18",
        "The answer is\n\n18",
        "the answer is 18^2",
        "the answer is 18e2",
        "the answer is 18,2",
        "the answer is 18.2.3",
        "the answer is 18 1/2",
        "the answer is 18/0",
        "#### " + "1" * 60,
        "#### ١٨",
    ],
)
def test_no_stated_answer_is_punished(response: str) -> None:
    assert grade(response) == Grade(Verdict.NO_ANSWER, -1.0, None)


@pytest.mark.parametrize("gold", ["", "no number", "#### ", "#### a lot", "#### 3 or 4"])
def test_an_unparseable_gold_is_no_fact_about_the_response(gold: str) -> None:
    assert grade("#### 18", gold) == Grade(Verdict.GOLD_UNPARSEABLE, 0.0, "18")
    assert grade("hello", gold) == Grade(Verdict.GOLD_UNPARSEABLE, 0.0, None)


@pytest.mark.parametrize(
    ("gold", "response"), [("18", "#### 18"), ("#### 1,234", "#### 1234"), ("#### $0.50", "#### .5")]
)
def test_gold_forms(gold: str, response: str) -> None:
    assert grade(response, gold).verdict is Verdict.CORRECT


@given(st.text(max_size=300))
def test_any_text_gets_a_verdict(text: str) -> None:
    assert grade(text).verdict.is_fact


@pytest.mark.parametrize(
    "text", ["#### ", "\\boxed{", "{", "answer is ", "-$", "1,111", "9" * 7 + " ", "\u2028####", "= "]
)
def test_megabytes_are_graded_at_once(text: str) -> None:
    assert grade(text * (2_000_000 // len(text))).verdict.is_fact


def test_real_gold_answers_are_all_read(data_dir: Path) -> None:
    rows = [json.loads(line) for line in (data_dir / "gsm8k_train.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        gold = row["answer"].rpartition("#### ")[2].replace(",", "")
        assert gsm8k.gold_answer(row["answer"]) == gold
        assert grade(row["answer"], row["answer"]) == Grade(Verdict.CORRECT, 1.0, gold)
        assert grade(f"The answer is ${gold}.", row["answer"]).reward == 1.0
        assert grade(f"#### {int(gold) + 1}", row["answer"]).reward == 0.0

"""The published RISE code's rules for GSM8K: real problems, and differences from ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import get


def grade(name: str, response: str, gold: str) -> Grade:
    return get(name).grade(response, Problem("p", "train", "q", gold))


def gsm8k(response: str, gold: str = "16 - 3 = <<16-3=13>>13\n#### 18") -> Grade:
    return grade("gsm8k_reference", response, gold)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("so \\boxed{18}.", "18"),
        ("boxed{18}", "18"),
        ("\\boxed{17} no, \\boxed{ 18 }", "18"),
        ("\\boxed{1,8}", "18"),
        ("\\boxed{1_8}", "18"),
        ("\\boxed{+18}", "18"),
        ("\\boxed{018}", "18"),
        ("\\boxed{\u0661\u0668}", "18"),
        ("\\boxed{18}}", "18"),
        ("\\boxed{18} \\boxed{}", "18"),
        ("\\boxed{18} \\boxed{19", "18"),
    ],
)
def test_gsm8k_correct(response: str, answer: str) -> None:
    assert gsm8k(response) == Grade(Verdict.CORRECT, 1.0, answer)


@pytest.mark.parametrize(("response", "answer"), [("\\boxed{19}", "19"), ("\\boxed{-1,800}", "-1800")])
def test_gsm8k_wrong(response: str, answer: str) -> None:
    assert gsm8k(response) == Grade(Verdict.WRONG, 0.0, answer)


@pytest.mark.parametrize(
    "response",
    [
        *("", "18", "#### 18", "The answer is 18", "\\boxed{18.0}", "\\boxed{\\$18}", "\\boxed{18 km}", "\\boxed{}"),
        *("\\boxed 18", "\\boxed{\\text{18}}", "\\boxed{18", "\\boxed{18} or \\boxed{many}", "\\boxed{1\u00b2}"),
        *("\\boxed{" + "1" * 5000 + "}", "\\boxed{boxed{18}", "\\boxed{9**9**9**9}"),
    ],
)
def test_gsm8k_without_a_whole_number_is_minus_one(response: str) -> None:
    assert gsm8k(response) == Grade(Verdict.NO_ANSWER, -1.0, None)


def test_gsm8k_gold() -> None:
    assert gsm8k("\\boxed{1080}", "#### 1,080").verdict is Verdict.CORRECT  # which the published code reads as 1
    assert gsm8k("\\boxed{5}", "#### 5.0").verdict is Verdict.CORRECT
    assert gsm8k("\\boxed{-5}", "####-5").verdict is Verdict.CORRECT
    assert gsm8k("\\boxed{5}", "5") == Grade(Verdict.GOLD_UNPARSEABLE, 0.0, "5")
    assert gsm8k("\\boxed{" + "9" * 400 + "}", "#### 5").verdict is Verdict.WRONG


@given(st.text(max_size=200))
def test_gsm8k_any_text_gets_a_verdict(text: str) -> None:
    assert gsm8k(text).verdict.is_fact
    assert gsm8k(f"\\boxed{{{text}}}").verdict.is_fact


def test_gsm8k_real_problems(data_dir: Path) -> None:
    problems = rows(data_dir / "gsm8k_train.jsonl") + rows(data_dir / "gsm8k_test_first300.jsonl")
    assert len(problems) == 7773
    for row in problems:
        gold = row["answer"].rpartition("#### ")[2]
        plain = gold.replace(",", "")
        assert gsm8k(f"Thus \\boxed{{{gold}}}.", row["answer"]) == Grade(Verdict.CORRECT, 1.0, plain)
        assert gsm8k(f"\\boxed{{{int(plain) + 1}}}", row["answer"]).reward == 0.0
        assert gsm8k(row["answer"], row["answer"]).reward == -1.0, "a solution in GSM8K's own format has no box"

"""The registry and the verifiers `exact`, `numeric` and `reasoning_gym`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise.core.errors import UserError
from rise.core.records import Grade, Problem, Verdict
from rise.core.verifiers import NAMES, get

SUBSET_SUM: dict[str, Any] = {
    "generator": "subset_sum",
    "params": {"count": 3},
    "entry": {"answer": "3 25", "metadata": {"numbers": [25, 8, 3], "choose": 2, "target": 28}},
}


def grade(name: str, response: str, gold: str, metadata: dict[str, Any] | None = None) -> Grade:
    return get(name).grade(response, Problem("p", "train", "q", gold, metadata=metadata or {}))


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(UserError, match="no verifier 'gsm9k'; choose from gsm8k, math, gsm8k_reference"):
        get("gsm9k")
    assert all(callable(get(name).grade) for name in NAMES)


def test_exact() -> None:
    assert grade("exact", " a \n b ", "a b") == Grade(Verdict.CORRECT, 1.0, "a b")
    assert grade("exact", "A b", "a b") == Grade(Verdict.WRONG, 0.0, "A b")
    assert grade("exact", " \n", "a b") == Grade(Verdict.NO_ANSWER, 0.0)
    assert grade("exact", "a", " ") == Grade(Verdict.GOLD_UNPARSEABLE, 0.0, "a")


@pytest.mark.parametrize(
    "response", ["0.5", " .5 ", "5e-1", "1/2", "$0.50", "so #### 0.5", "\\boxed{0.5}", "0.50000001"]
)
def test_numeric_correct(response: str) -> None:
    assert grade("numeric", response, "0.5") == Grade(Verdict.CORRECT, 1.0, "0.5")


def test_numeric_other_verdicts() -> None:
    assert grade("numeric", "0.501", "#### 0.5") == Grade(Verdict.WRONG, 0.0, "0.501")
    assert grade("numeric", "1e400", "0.5") == Grade(Verdict.NO_ANSWER, 0.0)
    for nothing in ("", "nan", "inf", "1_0", "it has 3 legs and 0.5 heads", "\u0665"):
        assert grade("numeric", nothing, "0.5") == Grade(Verdict.NO_ANSWER, 0.0)
    assert grade("numeric", "0.5", "many") == Grade(Verdict.GOLD_UNPARSEABLE, 0.0, "0.5")


@given(st.text(max_size=200))
def test_numeric_takes_any_text(text: str) -> None:
    assert grade("numeric", text, "1").verdict.is_fact


@pytest.mark.parametrize("response", ["3 25", "25 3", " 25\n3 ", "hm <answer> 25 3 </answer> there"])
def test_reasoning_gym_correct_in_one_class(response: str) -> None:
    assert grade("reasoning_gym", response, "3 25", SUBSET_SUM) == Grade(Verdict.CORRECT, 1.0, "3 25")


def test_reasoning_gym_other_verdicts() -> None:
    assert grade("reasoning_gym", "8 3", "3 25", SUBSET_SUM) == Grade(Verdict.WRONG, 0.0, "3 8")
    assert grade("reasoning_gym", "<answer>3 25</answer><answer>8 3</answer>", "3 25", SUBSET_SUM).answer == "3 8"
    for nothing in ("", "  ", "3 25 <answer> </answer>"):
        assert grade("reasoning_gym", nothing, "3 25", SUBSET_SUM) == Grade(Verdict.NO_ANSWER, 0.0)
    assert grade("reasoning_gym", "3 25", "3 25").verdict is Verdict.GOLD_UNPARSEABLE


def test_reasoning_gym_asks_the_generator_for_the_answer_and_its_reward() -> None:
    chain = {"generator": "digit_chain", "params": {"steps": 2}, "entry": {"answer": "3", "metadata": {}}}
    assert grade("reasoning_gym", "try 3 1 0 so 3", "3", chain) == Grade(Verdict.CORRECT, 1.0, "3")
    assert grade("reasoning_gym", "try 1 0 4 so 3", "3", chain) == Grade(Verdict.CORRECT, 0.25, "3"), "its own reward"
    assert grade("reasoning_gym", "try 3 1 0 so 4", "3", chain) == Grade(Verdict.WRONG, 0.0, "4")
    assert grade("reasoning_gym", "try 3 1 0", "3", chain) == Grade(Verdict.NO_ANSWER, 0.0)


def test_partial_credit_is_not_correct() -> None:
    # chain_sum's scorer gives 2/4 for a text that contains the answer.
    metadata = {"generator": "chain_sum", "params": {}, "entry": {"answer": "12", "metadata": {}}}
    assert grade("reasoning_gym", "x 12", "12", metadata) == Grade(Verdict.WRONG, 0.0, "x 12")


def test_a_scorer_that_refuses_its_own_answer_says_nothing() -> None:
    broken = SUBSET_SUM | {
        "entry": {"answer": "3 25", "metadata": {"numbers": ["25", "8", "3"], "choose": 2, "target": "28"}}
    }
    assert grade("reasoning_gym", "8 3", "3 25", broken).verdict is Verdict.GOLD_UNPARSEABLE

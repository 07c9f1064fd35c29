"""The scorers of reasoning-gym's generators: full marks or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import get

SUBSET_SUM: dict[str, Any] = {
    "generator": "subset_sum",
    "params": {"count": 3},
    "entry": {"answer": "3 25", "metadata": {"numbers": [25, 8, 3], "choose": 2, "target": 28}},
}


def grade(name: str, response: str, gold: str, metadata: dict[str, Any] | None = None) -> Grade:
    return get(name).grade(response, Problem("p", "train", "q", gold, metadata=metadata or {}))


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

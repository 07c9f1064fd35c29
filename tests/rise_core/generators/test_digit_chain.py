"""The digit-chain generator: one right digit, and a worked solution with a trial."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.generators.digit_chain import STEPS, DigitChainConfig, DigitChainDataset, chain, kind

ENTRY = {"answer": "0", "metadata": {"steps": ["add2", "cube", "times4", "add1", "cube", "add3", "times2"], "tried": 1}}


def dataset(seed: int = 0, **params: int) -> DigitChainDataset:
    config = DigitChainConfig(seed=seed, **params)
    config.validate()
    return DigitChainDataset(config)


@given(seed=st.integers(0, 2**31), index=st.integers(0, 1000), steps=st.integers(1, 12))
def test_exactly_one_digit_leads_to_0(seed: int, index: int, steps: int) -> None:
    entry = dataset(seed, steps=steps)[index]
    named = entry["metadata"]["steps"]
    assert entry["question"] == f"reach 0 by {' '.join(named)} ?"
    assert len(named) == steps
    assert all(kind(a) != kind(b) for a, b in pairwise(named))
    assert [str(digit) for digit in range(5) if chain(digit, named)[-1] == 0] == [entry["answer"]]


def test_the_steps_are_arithmetic_modulo_5() -> None:
    for digit in range(5):
        for n in (1, 2, 3, 4):
            assert STEPS[f"add{n}"][digit] == (digit + n) % 5
        for n in (2, 3, 4):
            assert STEPS[f"times{n}"][digit] == digit * n % 5
        assert STEPS["cube"][digit] == digit**3 % 5


def test_a_worked_solution_tries_a_digit_and_names_the_answer() -> None:
    assert dataset().worked(ENTRY) == "try 1 3 2 3 4 4 2 4 so 0"
    assert dataset().worked(ENTRY | {"metadata": ENTRY["metadata"] | {"tried": 0}}) == "try 0 2 3 2 3 2 0 0 so 0"


def test_more_than_half_of_the_trials_hit_and_every_digit_is_tried() -> None:
    entries = [dataset(3, steps=7)[index] for index in range(2000)]
    hits = sum(str(entry["metadata"]["tried"]) == entry["answer"] for entry in entries)
    assert 0.55 < hits / len(entries) < 0.65  # a half, and a fifth of the rest
    assert {entry["metadata"]["tried"] for entry in entries} == set(range(5))


def test_the_same_seed_and_index_give_the_same_problem() -> None:
    assert dataset(5)[7] == dataset(5)[7]
    assert dataset(5)[7] != dataset(5)[8]


@pytest.mark.parametrize("answer", ["0", " 0\n", "try 1 3 2 3 4 4 2 4 so 0", "try 4 4 4 4 4 4 4  4 so 0"])
def test_the_digit_named_is_graded_and_those_of_the_trial_are_not(answer: str) -> None:
    assert dataset().score_answer(answer, ENTRY) == 1.0
    assert dataset().canonical(answer) == "0"


def test_another_digit_is_an_answer_and_wrong() -> None:
    assert dataset().score_answer("try 0 2 3 2 3 2 0 0 so 3", ENTRY) == 0.0
    assert dataset().canonical("try 0 2 3 2 3 2 0 0 so 3") == "3"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "",
        "so",
        "5",
        "0 0",
        "so 0",
        "\u0660",
        "9" * 5000,
        "try 1 3 2 3 4 4 2 4",
        "try 1 3 2 3 4 4 2 4 so",
        "try 1 3 2 3 4 4 2 so 0",
        "try 1 3 2 3 4 4 2 4 0 so 0",
        "try 1 3 2 3 4 4 2 5 so 0",
        "try 1 3 2 3 4 4 2 4 so 5",
        "try 1 3 2 3 4 4 2 4 so 00",
        "try 1 3 2 3 4 4 2 4 so 0 .",
        "1 3 2 3 4 4 2 4 so 0",
    ],
)
def test_anything_else_names_no_digit(answer: str | None) -> None:
    assert dataset().score_answer(answer, ENTRY) == 0.0
    assert dataset().canonical(answer or "") == ""


def test_an_answer_that_its_trial_shows_is_worth_more_than_a_guess() -> None:
    assert dataset().reward("try 0 2 3 2 3 2 0 0 so 0") == 1.0
    assert dataset().reward(" try 0  2 3 2 3 2 0 0 so 0\n") == 1.0
    for guess in ("0", "try 1 3 2 3 4 4 2 4 so 0", "try 0 2 3 2 3 2 0 4 so 0", "try 0 2 3 2 3 2 0 so 0"):
        assert dataset().reward(guess) == 0.25
    assert dataset(steps=1).reward("try 3 0 so 3") == 1.0


@pytest.mark.parametrize("steps", [0, -1, 2.5, "7", True])
def test_parameters_that_cannot_work_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match="steps"):
        dataset(steps=steps)

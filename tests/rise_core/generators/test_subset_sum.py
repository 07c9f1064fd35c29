"""The subset-sum generator: one right choice, any order, nothing else."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.generators.subset_sum import SubsetSumConfig, SubsetSumDataset

ENTRY = {"metadata": {"numbers": [17, 3, 8, 25, 11, 14], "choose": 2, "target": 28}}
THREE = {"metadata": {"numbers": [5, 9, 1, 14, 7, 12, 6], "choose": 3, "target": 35}}


def dataset(seed: int = 0, **params: int) -> SubsetSumDataset:
    config = SubsetSumConfig(seed=seed, **params)
    config.validate()
    return SubsetSumDataset(config)


@given(
    seed=st.integers(0, 2**31),
    index=st.integers(0, 1000),
    count=st.integers(4, 9),
    low=st.integers(-20, 20),
    choose=st.integers(2, 4),
)
def test_exactly_one_choice_sums_to_the_target(seed: int, index: int, count: int, low: int, choose: int) -> None:
    entry = dataset(seed, choose=choose, count=count, low=low, high=low + 9)[index]
    numbers, target = entry["metadata"]["numbers"], entry["metadata"]["target"]
    assert len(set(numbers)) == count
    assert all(low <= number <= low + 9 for number in numbers)
    (chosen,) = [sorted(some) for some in combinations(numbers, choose) if sum(some) == target]
    assert entry["answer"] == " ".join(map(str, chosen))


def test_the_question_splits_into_words_with_one_word_a_number() -> None:
    entry = dataset()[3]
    words = entry["question"].split()
    assert words[:3] == ["which", "two", "of"]
    assert [int(word) for word in words[3:9]] == entry["metadata"]["numbers"]
    assert words[9:] == ["sum", "to", str(entry["metadata"]["target"]), "?"]
    assert dataset(choose=3)[3]["question"].startswith("which three of ")


def test_the_same_seed_and_index_give_the_same_problem() -> None:
    assert dataset(5)[7] == dataset(5)[7]
    assert dataset(5)[7] != dataset(5)[8]


@pytest.mark.parametrize("answer", ["3 25", "25 3", " 17  11 "])
def test_either_order_is_right(answer: str) -> None:
    assert dataset().score_answer(answer, ENTRY) == 1.0


@pytest.mark.parametrize(("answer", "score"), [("12 9 14", 1.0), ("9 12 14", 1.0), ("9 14 13", 0.0), ("21 14", 0.0)])
def test_three_numbers_are_chosen_where_three_are_asked_for(answer: str, score: float) -> None:
    assert dataset(choose=3, count=7).score_answer(answer, THREE) == score


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "",
        "3",
        "3 25 8",
        "14 14",
        "8 17",
        "20 8",
        "3, 25",
        "3 + 25",
        "three 25",
        "٣ 25",
        "3 25 ?",
        "9" * 5000 + " 3",
    ],
)
def test_anything_else_is_wrong(answer: str | None) -> None:
    assert dataset().score_answer(answer, ENTRY) == 0.0


def test_the_canonical_answer_is_ascending() -> None:
    assert dataset().canonical(" 25  3 ") == dataset().canonical("3 25") == "3 25"
    assert dataset().canonical("10 9 -2") == "-2 9 10"
    assert dataset().canonical("no  idea") == "no idea"


def test_another_order_of_the_numbers_is_the_same_problem() -> None:
    other = {"metadata": {"numbers": [3, 17, 8, 25, 11, 14], "choose": 2, "target": 28}}
    assert dataset().identity(ENTRY) == dataset().identity(other)
    assert dataset().identity(ENTRY) != dataset().identity({"metadata": ENTRY["metadata"] | {"target": 11}})


@pytest.mark.parametrize(
    "params",
    [
        {"count": 1},
        {"count": 4, "low": 1, "high": 3},
        {"count": 2.5},
        {"low": "1"},
        {"choose": 1},
        {"choose": 3, "count": 2},
    ],
)
def test_parameters_that_cannot_work_are_refused(params: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"count|low|choose"):
        dataset(**params)

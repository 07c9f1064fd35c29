from __future__ import annotations

import pytest

from rise_core.records import Problem, Rollout
from storage.lake import Lake
from storage.rollouts import append_rollouts
from storage.runs import write_problems
from tests.storage.samples import rollout

REWARDS = {"correct": 1.0, "wrong": 0.0, "no_answer": -1.0, "error": 0.0, "timeout": 0.0, "gold_unparseable": 0.0}


def graded(problem: str, turn: int, verdict: str | None, sample: int = 0, purpose: str = "eval_sequential") -> Rollout:
    return rollout(
        purpose=purpose,
        split="eval",
        problem_id=problem,
        turn=turn,
        sample=sample,
        verdict=verdict,
        reward=None if verdict is None else REWARDS[verdict],
    )


TURNS = {
    "fixed": ("wrong", "correct"),
    "fixed too": ("no_answer", "correct"),
    "broken": ("correct", "wrong"),
    "right": ("correct", "correct"),
    "wrong": ("wrong", "no_answer"),
    "unknown": ("correct", "timeout"),
    "bad gold": ("gold_unparseable", "wrong"),
    "ungraded": ("wrong", None),
}


@pytest.fixture
def evaluated(lake: Lake) -> Lake:
    for turn in (1, 2):
        append_rollouts(lake, [graded(problem, turn, verdicts[turn - 1]) for problem, verdicts in TURNS.items()])
    append_rollouts(lake, [graded("fixed", 1, "wrong", sample=s, purpose="eval_parallel") for s in range(3)])
    return lake


def test_turn_accuracy_leaves_unknown_verdicts_out_and_shows_them(evaluated: Lake) -> None:
    rows = evaluated.query("SELECT * FROM turn_accuracy WHERE purpose = 'eval_sequential' ORDER BY turn").to_pylist()
    shared = {"run": "r1", "iteration": 1, "split": "eval", "purpose": "eval_sequential"}
    assert rows == [
        {**shared, "turn": 1, "n": 7, "ungraded": 1, "accuracy": 3 / 7, "mean_reward": 2 / 7},
        {**shared, "turn": 2, "n": 6, "ungraded": 2, "accuracy": 3 / 6, "mean_reward": 2 / 6},
    ]


def test_transitions_count_pairs_of_facts(evaluated: Lake) -> None:
    (row,) = evaluated.query("SELECT * FROM transitions").to_pylist()
    assert row == {
        **{"run": "r1", "iteration": 1, "split": "eval", "turn": 2, "n": 5},
        **{"fixed": 2, "broken": 1, "stayed_right": 1, "stayed_wrong": 1},
    }


def test_turn_accuracy_of_nothing_graded_is_null(lake: Lake) -> None:
    append_rollouts(lake, [graded("p", 1, "error")])
    (row,) = lake.query("SELECT n, ungraded, accuracy FROM turn_accuracy").to_pylist()
    assert row == {"n": 0, "ungraded": 1, "accuracy": None}


def test_episodes_hold_the_problem_and_its_turns_in_order(lake: Lake) -> None:
    write_problems(lake, "r1", [Problem("p", "eval", "4 + 5?", "9"), Problem("p", "train", "other", "0")])
    append_rollouts(lake, [graded("p", 2, "correct", sample=s) for s in (1, 0)])
    append_rollouts(lake, [graded("p", 1, "wrong")])
    (episode,) = lake.query("SELECT * FROM episodes").to_pylist()
    assert (episode["problem"], episode["gold_answer"]) == ("4 + 5?", "9")
    assert [(t["turn"], t["sample"], t["verdict"]) for t in episode["turns"]] == [
        *((1, 0, "wrong"), (2, 0, "correct"), (2, 1, "correct"))
    ]
    assert set(episode["turns"][0]) == {"turn", "sample", "response", "answer", "verdict", "reward", "selected"}

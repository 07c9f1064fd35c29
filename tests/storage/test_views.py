"""Each view counts graded responses and leaves out ungraded ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rise_core.records import Example, Problem, Rollout
from storage import examples, metric_rows, problem_rows, rollouts
from storage.lake import Lake
from tests.storage.samples import metric, rollout

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
        rollouts.append(lake, [graded(problem, turn, verdicts[turn - 1]) for problem, verdicts in TURNS.items()])
    rollouts.append(lake, [graded("fixed", 1, "wrong", sample=s, purpose="eval_parallel") for s in range(3)])
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
    rollouts.append(lake, [graded("p", 1, "error")])
    (row,) = lake.query("SELECT n, ungraded, accuracy FROM turn_accuracy").to_pylist()
    assert row == {"n": 0, "ungraded": 1, "accuracy": None}


def test_episodes_hold_the_problem_and_its_turns_in_order(lake: Lake) -> None:
    problem_rows.append(lake, "r1", [Problem("p", "eval", "4 + 5?", "9"), Problem("p", "train", "other", "0")])
    rollouts.append(lake, [graded("p", 2, "correct", sample=s) for s in (1, 0)])
    rollouts.append(lake, [graded("p", 1, "wrong")])
    (episode,) = lake.query("SELECT * FROM episodes").to_pylist()
    assert (episode["problem"], episode["gold_answer"]) == ("4 + 5?", "9")
    assert [(t["turn"], t["sample"], t["verdict"]) for t in episode["turns"]] == [
        *((1, 0, "wrong"), (2, 0, "correct"), (2, 1, "correct"))
    ]
    assert set(episode["turns"][0]) == {"turn", "sample", "response", "answer", "verdict", "reward", "selected"}


# Problem: verdicts of turns 1 to 3, verdicts of three parallel responses (c correct, w wrong, n no answer, t timeout).
SOLVED = {
    "by turns only": ("wwc", "wwn"),
    "by both": ("wcw", "wcw"),
    "late in parallel": ("wwc", "wwc"),
    "by parallel only": ("wnw", "cww"),
    "by neither": ("www", "www"),
    "at turn 1 only": ("cww", "www"),
    "ungraded turn": ("wtc", "www"),
    "ungraded second sample": ("wcc", "wtw"),
    "ungraded first turn": ("twc", "www"),
}


@pytest.fixture
def sampled(lake: Lake) -> Lake:
    words = {"c": "correct", "w": "wrong", "n": "no_answer", "t": "timeout"}
    for turn in range(1, 4):
        rollouts.append(lake, [graded(p, turn, words[turns[turn - 1]]) for p, (turns, _) in SOLVED.items()])
    rollouts.append(
        lake,
        [
            graded(problem, 1, words[verdict], sample=sample, purpose="eval_parallel")
            for problem, (_, parallel) in SOLVED.items()
            for sample, verdict in enumerate(parallel)
        ],
    )
    return lake


def test_problems_that_turns_solve_and_parallel_samples_do_not(sampled: Lake) -> None:
    # Without the ungraded turn 8 problems count at B = 1, 7 from B = 2 on; turn 1 is no revision and is not read.
    rows = sampled.query("SELECT samples, turns, n, unsolved, new, new_share FROM solved_by_turns").to_pylist()
    assert rows == [
        {"samples": 1, "turns": 3, "n": 8, "unsolved": 7, "new": 5, "new_share": 5 / 8},
        {"samples": 2, "turns": 3, "n": 7, "unsolved": 5, "new": 3, "new_share": 3 / 7},
        {"samples": 3, "turns": 3, "n": 7, "unsolved": 4, "new": 2, "new_share": 2 / 7},
    ]


def test_problems_of_another_split_are_counted_apart(sampled: Lake) -> None:
    rows = [graded("by turns only", turn, verdict) for turn, verdict in ((1, "wrong"), (2, "wrong"))]
    rows += [graded("by turns only", 1, "wrong", sample=s, purpose="eval_parallel") for s in range(2)]
    for row in rows[:2]:
        rollouts.append(sampled, [replace(row, split="wide")])
    rollouts.append(sampled, [replace(row, split="wide") for row in rows[2:]])
    counts = sampled.query("SELECT samples, turns, n, new FROM solved_by_turns WHERE split = 'wide'").to_pylist()
    assert counts == [{"samples": b, "turns": 2, "n": 1, "new": 0} for b in (1, 2)]
    assert sampled.query("SELECT n FROM solved_by_turns WHERE split = 'eval'")["n"].to_pylist() == [8, 7, 7]


def test_the_histogram_of_rewards_and_weights(lake: Lake) -> None:
    rewards = {"a": 1.0, "b": 0.0, "c": 1.0, "d": -1.0}
    weights = {1.0: 12.2, 0.0: 1.0, -1.0: 0.08}
    rollouts.append(lake, [rollout(problem_id=p, reward=reward) for p, reward in rewards.items()])
    examples.append(
        lake, "r1", 1, [Example(p, 1, 0, [1], [2], reward, weights[reward]) for p, reward in rewards.items()]
    )
    rows = lake.query("SELECT * FROM example_weights").to_pylist()
    assert rows == [
        {"run": "r1", "iteration": 1, "reward": reward, "weight": weight, "count": count}
        for reward, weight, count in ((-1.0, 0.08, 1), (0.0, 1.0, 1), (1.0, 12.2, 2))
    ]


@pytest.mark.parametrize(("votes", "turns"), [(5, 5), (3, 8)])
def test_the_leaderboard_reads_the_numbers_in_the_names(lake: Lake, votes: int, turns: int) -> None:
    values = {
        "m1@t1": 0.1,
        f"m{votes}@t1": 0.2,
        f"m1@t{turns}": 0.6,  # not 0.2 + 0.3: the gain is of the problems that both votes decide
        f"p1@t{turns}": 0.6,
        f"p{votes}@t1": 0.7,
        "acc@t1": 0.1,
        "fixed@t2": 0.9,
        "gain_parallel": 0.3,
    }
    metric_rows.replace(lake, "r1", 2, [metric(name, value) for name, value in values.items()])
    (row,) = lake.query("SELECT * FROM leaderboard").to_pylist()
    gain = [row.pop(name) for name in ("gain_low", "gain", "gain_high")]
    assert gain == pytest.approx([0.25, 0.3, 0.35])
    assert row == {
        **{"run": "r1", "iteration": 2, "split": "eval", "samples": votes, "turns": turns, "n": 300},
        **{"m1_t1": 0.1, "mk_t1": 0.2, "m1_tk": 0.6, "p1_tk": 0.6, "pk_t1": 0.7},
    }

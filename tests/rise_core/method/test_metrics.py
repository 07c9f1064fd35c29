"""Metrics on hand-written episodes: votes, ties, transitions, ungraded responses, intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.method.metrics import compute_by_shard, compute_metrics, interval, vote
from rise_core.records import Metric, Rollout

# A response is written as its answer: "g" is the gold one, "-" states no answer, "?" timed out, any other is wrong.
VERDICTS = {"g": ("g", "correct"), "-": (None, "no_answer"), "?": (None, "timeout")}


def rollout(problem: str, purpose: str, turn: int, sample: int, word: str, split: str = "eval") -> Rollout:
    answer, verdict = VERDICTS.get(word, (word, "wrong"))
    return Rollout(
        run="r",
        iteration=1,
        purpose=purpose,
        split=split,
        problem_id=problem,
        shard=0,
        turn=turn,
        sample=sample,
        policy="p",
        response=word,
        response_ids=[1],
        prompt_tokens=1,
        finish_reason="stop",
        repetitive=False,
        seed=0,
        latency=0.1,
        answer=answer,
        verdict=verdict,
        reward=float(verdict == "correct"),
    )


def episode(problem: str, sequential: str, parallel: str, split: str = "eval") -> list[Rollout]:
    """One problem: the words of turns 1..K and of the parallel responses."""
    turns = [rollout(problem, "eval_sequential", t, 0, w, split) for t, w in enumerate(sequential.split(), start=1)]
    samples = [rollout(problem, "eval_parallel", 1, s, w, split) for s, w in enumerate(parallel.split())]
    return turns + samples


def compute(*episodes: tuple[str, str]) -> dict[str, Metric]:
    rollouts = [row for n, words in enumerate(episodes) for row in episode(f"p{n}", *words)]
    turns, samples = (len(words.split()) for words in episodes[0])
    metrics = compute_metrics(rollouts, split="eval", turns=turns, samples=samples, bootstrap=200, seed=0)
    assert len({metric.metric for metric in metrics}) == len(metrics)
    assert {metric.split for metric in metrics} == {"eval"}
    return {metric.metric: metric for metric in metrics}


def values(metrics: dict[str, Metric]) -> dict[str, float]:
    return {name: metric.value for name, metric in metrics.items()}


@pytest.mark.parametrize(
    ("answers", "winner"),
    [
        ([], None),
        ([None, None], None),
        (["a"], "a"),
        ([None, "a"], "a"),
        (["a", "b", "b"], "b"),
        (["a", "b"], "a"),
        (["b", "a", "a", "b"], "b"),
        (["a", "b", "b", "c", "c"], "b"),
        ([None, None, None, "c", "a", "a"], "a"),
        (["", "a"], ""),
    ],
)
def test_vote(answers: Sequence[str | None], winner: str | None) -> None:
    assert vote(answers) == winner


@given(st.lists(st.sampled_from([None, "a", "b", "c"])))
def test_the_winner_is_the_first_of_the_most_frequent(answers: list[str | None]) -> None:
    winner = vote(answers)
    for other in {answer for answer in answers if answer is not None}:
        assert winner is not None
        ahead = (answers.count(winner), -answers.index(winner))
        assert ahead >= (answers.count(other), -answers.index(other))


def test_every_metric_on_one_table() -> None:
    metrics = compute(
        ("g g g", "g g x"),  # right throughout
        ("x g g", "x y g"),  # fixed at turn 2; the parallel vote is a tie that x wins
        ("g x x", "x x g"),  # broken at turn 2
        ("x y z", "x - y"),  # never right
    )
    assert values(metrics) == {
        "m1@t1": 0.5,
        "m3@t1": 0.25,
        "m1@t3": 0.5,
        "p1@t3": 0.75,
        "p3@t1": 0.75,
        "acc@t1": 0.5,
        "acc@t2": 0.5,
        "acc@t3": 0.5,
        "fixed@t2": 0.25,
        "fixed@t3": 0.0,
        "broken@t2": 0.25,
        "broken@t3": 0.0,
        "gain_turns": 0.0,
        "gain_parallel": 0.25,
        "gain_oracle": 0.0,
        "ungraded": 0.0,
    }
    assert {metric.n for metric in metrics.values()} == {4}


def test_accuracy_moves_by_what_is_fixed_less_what_is_broken() -> None:
    metrics = values(compute(("x g x", "x"), ("x g g", "x"), ("g x g", "x"), ("- g ?", "x"), ("x x g", "x")))
    assert metrics["acc@t2"] == pytest.approx(metrics["acc@t1"] + metrics["fixed@t2"] - metrics["broken@t2"])


@pytest.mark.parametrize(
    ("turns", "right"),
    [
        ("g x x", 0.0),
        ("x x g", 0.0),
        ("x g g", 1.0),
        ("g x y", 1.0),  # a tie goes to the first
        ("x g y", 0.0),
        ("- g x", 1.0),  # no answer is no vote, not a class
        ("- - g", 1.0),
        ("- - -", 0.0),
        ("g - -", 1.0),
    ],
)
def test_majority_over_turns_and_over_samples_follow_one_rule(turns: str, right: float) -> None:
    assert compute((turns, "x x x"))["m1@t3"].value == right
    assert compute(("x x x", turns))["m3@t1"].value == right


def test_no_answer_is_wrong_but_graded() -> None:
    metrics = compute(("- g", "-"), ("g -", "-"))
    assert metrics["m1@t1"].value == 0.5
    assert metrics["fixed@t2"].value == metrics["broken@t2"].value == 0.5
    assert metrics["ungraded"].value == 0.0


def test_an_ungraded_response_leaves_its_problem_out_of_what_reads_it_only() -> None:
    metrics = compute(("g ? g", "g g"), ("x x g", "x g"))
    of = {name: (metric.value, metric.n) for name, metric in metrics.items()}
    assert of["m1@t1"] == of["acc@t1"] == (0.5, 2)
    assert of["acc@t2"] == (0.0, 1)
    assert of["acc@t3"] == (1.0, 2)
    assert of["fixed@t2"] == of["broken@t2"] == (0.0, 1)
    assert of["fixed@t3"] == (1.0, 1)
    assert of["m1@t3"] == (0.0, 1)
    assert of["p1@t3"] == (1.0, 1)
    assert of["m2@t1"] == (0.5, 2)
    assert of["gain_turns"] == (0.0, 1)
    assert of["gain_parallel"] == (0.0, 1)
    assert of["ungraded"] == (0.1, 2)


@pytest.mark.parametrize("verdict", ["timeout", "error", "gold_unparseable", None])
def test_every_verdict_that_is_no_fact_is_left_out(verdict: str | None) -> None:
    rows = episode("p0", "x", "x") + episode("p1", "g", "g")
    failed = Rollout(**{field: getattr(rows[0], field) for field in Rollout.__slots__} | {"verdict": verdict})
    metrics = compute_metrics([failed, *rows[1:]], split="eval", turns=1, samples=1, bootstrap=100, seed=0)
    of = {metric.metric: metric for metric in metrics}
    assert (of["m1@t1"].value, of["m1@t1"].n) == (1.0, 1)
    assert (of["ungraded"].value, of["ungraded"].n) == (0.25, 2)


def test_where_nothing_was_graded_there_is_no_value() -> None:
    metrics = compute(("? ?", "g"), ("? ?", "x"))
    for name in ("m1@t1", "m1@t2", "p1@t2", "acc@t2", "fixed@t2", "gain_turns", "gain_parallel"):
        assert metrics[name].n == 0
        assert all(math.isnan(number) for number in (metrics[name].value, metrics[name].ci_low, metrics[name].ci_high))
    assert (metrics["p1@t1"].value, metrics["p1@t1"].n) == (0.5, 2)
    assert metrics["ungraded"].value == pytest.approx(2 / 3)


def test_unknown_verdicts_are_an_error() -> None:
    rows = episode("p0", "x", "x")
    odd = Rollout(**{field: getattr(rows[0], field) for field in Rollout.__slots__} | {"verdict": "fine"})
    with pytest.raises(ValueError, match="fine"):
        compute_metrics([odd, rows[1]], split="eval", turns=1, samples=1, bootstrap=100, seed=0)


def test_one_turn_and_one_sample_keep_the_sequential_metric() -> None:
    metrics = values(compute(("g", "x"), ("x", "g"), ("g", "g"), ("g", "x")))
    assert metrics["m1@t1"] == metrics["acc@t1"] == metrics["p1@t1"] == 0.75
    assert metrics["gain_turns"] == 0.0
    assert metrics["gain_parallel"] == metrics["gain_oracle"] == 0.25


def test_only_the_split_and_the_planned_responses_count() -> None:
    rows = episode("p0", "g x", "x g") + episode("p1", "x x", "x x", split="validation")
    rows += [rollout("p0", "collect", 1, 0, "x"), rollout("p0", "eval_sequential", 1, 1, "x")]
    metrics = compute_metrics(rows, split="eval", turns=1, samples=1, bootstrap=100, seed=0)
    assert [(m.value, m.n) for m in metrics if m.metric == "m1@t1"] == [(1.0, 1)]


def test_order_of_the_rows_does_not_matter() -> None:
    rows = episode("p0", "g x x", "x y g") + episode("p1", "x g y", "g - x") + episode("p2", "- - g", "x x x")
    kwargs = {"split": "eval", "turns": 3, "samples": 3, "bootstrap": 300, "seed": 4}
    assert compute_metrics(rows, **kwargs) == compute_metrics(rows[::-1], **kwargs)


def test_holes_and_repetitions_are_errors() -> None:
    rows = episode("p0", "g x", "x g") + episode("p1", "g x", "x g")
    kwargs = {"split": "eval", "turns": 2, "samples": 2, "bootstrap": 100, "seed": 0}
    with pytest.raises(ValueError, match=r"p1 lacks its response .*'eval_parallel', 1, 1"):
        compute_metrics(rows[:-1], **kwargs)
    with pytest.raises(ValueError, match=r"p0 has two responses .*'eval_sequential', 1, 0"):
        compute_metrics([*rows, episode("p0", "x x", "x x")[0]], **kwargs)
    with pytest.raises(ValueError, match="no evaluation response for split 'test'"):
        compute_metrics(rows, **kwargs | {"split": "test"})


def test_intervals_repeat_with_the_seed_and_hold_the_value() -> None:
    metrics = compute(*[("g x g", "x g g"), ("x x x", "x g x"), ("x g g", "x x x"), ("g g g", "g g g")] * 25)
    assert metrics == compute(*[("g x g", "x g g"), ("x x x", "x g x"), ("x g g", "x x x"), ("g g g", "g g g")] * 25)
    for metric in metrics.values():
        assert metric.ci_low <= metric.value <= metric.ci_high
    width = metrics["m1@t1"].ci_high - metrics["m1@t1"].ci_low
    assert width == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 100), abs=0.03)


def test_differences_are_paired() -> None:
    # Turn 3's vote differs from turn 1 on one problem of 100: the paired interval is far narrower than 2 unpaired ones.
    metrics = compute(*[("g g g", "g"), ("x x x", "x")] * 50, ("x g g", "x"))
    gain = metrics["gain_turns"]
    assert gain.value == pytest.approx(1 / 101)
    assert gain.ci_low == 0.0
    assert gain.ci_high < 0.04


def test_the_interval_is_the_bootstrap_over_problems() -> None:
    sample = np.array([1.0] * 30 + [0.0] * 50 + [-1.0] * 20)
    rng = np.random.default_rng(1)
    means = rng.choice(sample, size=(20_000, sample.size)).mean(axis=1)
    assert interval(sample, 20_000, seed=2) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.011)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(400):
        low, high = interval((rng.random(200) < 0.3).astype(float), 500, seed=trial)
        covered += low <= 0.3 <= high
    assert 0.90 <= covered / 400 <= 0.99


def test_shards_one_at_a_time_give_the_metrics_of_all_together() -> None:
    words = [("g x", "x x"), ("x g", "g g"), ("? g", "x g"), ("x x", "- g"), ("g g", "g x")]
    shards = [[row for n in part for row in episode(f"p{n}", *words[n])] for part in ((3, 4), (0,), (1, 2))]
    settings = {"split": "eval", "turns": 2, "samples": 2, "bootstrap": 200, "seed": 0}

    together = compute_metrics([row for shard in shards for row in shard], **settings)  # type: ignore[arg-type]

    assert compute_by_shard(iter(shards), **settings) == together  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no evaluation response"):
        compute_by_shard([], **settings)  # type: ignore[arg-type]

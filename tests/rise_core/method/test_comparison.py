"""Runs side by side on hand-written episodes: pairing by problem, the other run's best, notes on fairness."""

from dataclasses import replace

import pytest

from rise_core.method.comparison import SAMPLED, Evaluated, Row, compare, notes, score_run
from rise_core.method.metrics import compute_metrics
from rise_core.records import Problem
from tests.rise_core.method.test_metrics import episode


def run(label: str, *episodes: tuple[str, str, str], sampled: int = 100) -> Evaluated:
    """A run from (problem, words of the turns, words of the parallel responses); ids differ between runs."""
    named = [(f"{label}-{number}", *words) for number, words in enumerate(episodes)]
    rollouts = [row for name, _, turns, parallel in named for row in episode(name, turns, parallel)]
    problems = {name: Problem(name, "eval", text, "g") for name, text, _, _ in named}
    turns, samples = (len(words.split()) for words in episodes[0][1:])
    metrics = compute_metrics(rollouts, split="eval", turns=turns, samples=samples, bootstrap=200, seed=0)
    return score_run(label, rollouts, problems, metrics, {SAMPLED: sampled}, "eval")


def rows(*runs: Evaluated) -> dict[str, Row]:
    return {row.name: row for row in compare(list(runs), bootstrap=400, seed=1)}


FIRST = run("first", ("p", "g a", "g g g"), ("q", "a a", "b b g"), ("r", "g g", "a a a"), ("s", "a a", "a a a"))
# The same problems in another order under other ids; turns: p and r stay, s is won; at turn 1 q is won and r is lost.
OTHER = run("other", ("s", "a g", "g g g"), ("q", "g a", "b b b"), ("p", "g g", "g g a"), ("r", "a g", "a a g"))


def test_values_are_each_runs_own_metrics() -> None:
    table = rows(FIRST, OTHER)
    assert list(table) == [
        *("m1@t1", "m3@t1", "m1@t2", "p1@t2", "p3@t1", "gain_turns", "gain_parallel", "gain_oracle", "best"),
        *("m1@tK - best of first", "m1@tK of first - best"),
    ]
    for label, one in (("first", FIRST), ("other", OTHER)):
        for name in ("m1@t1", "m3@t1", "m1@t2", "gain_parallel"):
            assert table[name].values[label] == one.metrics[name]


def test_differences_are_paired_by_the_problems_text() -> None:
    # m1@t1 by problem: first p1 q0 r1 s0, other p1 q1 r0 s0; p1@t2: first p1 q0 r1 s0, other p1 q1 r1 s1.
    table = rows(FIRST, OTHER)
    assert table["m1@t1"].differences["other"].value == pytest.approx(0.0)
    assert table["p1@t2"].differences["other"].value == pytest.approx(2 / 4)
    assert table["p1@t2"].differences["other"].n == 4
    assert "first" not in table["m1@t1"].differences
    # Nothing varies between a run and itself: an unpaired interval would not be empty.
    same = rows(FIRST, replace(FIRST, label="again"))["m1@t1"].differences["again"]
    assert (same.value, same.ci_low, same.ci_high, same.n) == (0.0, 0.0, 0.0, 4)


def test_a_control_is_held_to_the_better_of_its_two_numbers() -> None:
    # first: m1@t2 = p1 q0 r1 s0 (a tie goes to the first answer), m3@t1 = p1 q0 r0 s0: best is turns, 2/4.
    # other: m1@t2 = s0 q1 p1 r0, m3@t1 = s1 q0 p1 r0: equal, turns are taken.
    table = rows(FIRST, OTHER)
    assert {label: metric.metric for label, metric in table["best"].values.items()} == {
        "first": "m1@t2",
        "other": "m1@t2",
    }
    assert table["m1@tK - best of first"].differences["other"].value == pytest.approx(0.0)
    voting = run("voting", ("p", "a a", "g g g"), ("q", "a a", "g g g"), ("r", "a a", "g g g"), ("s", "a a", "a a a"))
    table = rows(FIRST, voting)
    assert table["best"].values["voting"].metric == "m3@t1"
    against = table["m1@tK of first - best"].differences["voting"]  # p 1-1, q 0-1, r 1-1, s 0-0
    assert (against.value, against.n) == (pytest.approx(-1 / 4), 4)
    assert against.ci_low < against.value < against.ci_high <= 0
    assert table["m1@tK - best of first"].differences["voting"].value == pytest.approx(-2 / 4)


def test_an_ungraded_problem_leaves_the_pair_out() -> None:
    other = run("other", ("p", "g g", "g g g"), ("q", "? g", "g g g"), ("r", "a g", "g g g"), ("s", "a a", "a a a"))
    change = rows(FIRST, other)["m1@t1"].differences["other"]  # p 1-1, q unknown, r 0-1, s 0-0
    assert (change.value, change.n) == (pytest.approx(-1 / 3), 3)


def test_differences_stay_within_shared_problems_and_shared_metrics() -> None:
    other = run("other", ("q", "g g g", "g g g"), ("new", "g g g", "g g g"))
    table = rows(FIRST, other)
    assert table["m1@t1"].differences["other"].n == 1
    assert table["m1@t1"].differences["other"].value == 1.0
    assert table["m1@t2"].differences == {}
    assert table["m1@t2"].values.keys() == {"first"}
    assert table["m1@t3"].values.keys() == {"other"}
    text = "\n".join(notes([FIRST, other]))
    assert "the 1 that they share" in text
    assert "3 turns and 3 samples" in text
    assert "2 and 3" in text


def test_runs_without_a_shared_problem_have_no_difference() -> None:
    other = run("other", ("x", "g a", "g g g"))
    table = rows(FIRST, other)["m1@t1"].differences["other"]
    assert table.n == 0
    assert any("share no problem" in note for note in notes([FIRST, other]))


def test_equal_problems_in_one_file_are_paired_one_by_one() -> None:
    twice = run("twice", ("p", "g g", "g g g"), ("p", "a a", "g g g"))
    change = rows(twice, replace(twice, label="again"))["m1@t1"].differences["again"]
    assert (change.value, change.n) == (0.0, 2)


def test_unequal_numbers_of_sampled_responses_are_said() -> None:
    (text,) = notes([FIRST, replace(OTHER, spent={SAMPLED: 1700})])
    assert text == "NOT at equal numbers of sampled responses: first 100, other 1,700"
    (text,) = notes([FIRST, OTHER])
    assert any("the same base model" in note for note in notes([FIRST, replace(OTHER, base="another")]))
    assert text.startswith("equal numbers of sampled responses: 100")

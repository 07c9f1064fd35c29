"""Metrics of an evaluation (paper, section 5): votes, passes and transitions, each with a 95% bootstrap interval.

Each problem has K turns (one sequential episode, `eval_sequential`) and B parallel responses at turn 1
(`eval_parallel`). A metric is the mean over problems of one number a problem. A problem with an ungraded response
(gold_unparseable, timeout, error) among those of a metric lowers the metric's n, never its value.

| name | meaning |
|---|---|
| m1@t1 | turn 1 is correct |
| m{B}@t1, p{B}@t1 | the vote of the B parallel responses is correct; any of them is |
| m1@t{K}, p1@t{K} | the vote over turns 1..K is correct; any of them is (an oracle stops at the first correct one) |
| acc@t, fixed@t, broken@t | turn t alone is correct; wrong → correct from turn t-1 to t; correct → wrong |
| gain_turns | m1@t{K} - m1@t1, paired |
| gain_parallel | m1@t{K} - m{B}@t1, paired: against plain voting at equal compute, the honest opponent |
| gain_oracle | p1@t{K} - p{B}@t1, paired |
| ungraded | share of the ungraded responses |
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rise_core.records import Metric, Purpose, Rollout, Scored, Verdict, is_fact

_Response = Scored | Rollout
Score = float | None  # one problem's value under one metric; None: one of the metric's responses is ungraded


@dataclass(frozen=True, slots=True)
class Outcome:
    """One problem's responses in an evaluation."""

    turns: list[_Response]  # [K], the sequential episode
    parallel: list[_Response]  # [B], at turn 1


def compute_metrics(
    rollouts: Sequence[_Response], *, split: str, turns: int, samples: int, bootstrap: int, seed: int
) -> list[Metric]:
    """Compute every metric of one checkpoint's evaluation on `split`.

    Args:
        rollouts: Graded responses in any order; those of other splits and purposes do not count.
        turns: K, turns of a sequential episode.
        samples: B, parallel responses at turn 1.
        bootstrap: Resamples behind an interval, drawn with `seed`.

    Raises:
        ValueError: A response is missing or there twice. A hole must not pass for a result.
    """
    return compute_by_shard([rollouts], split=split, turns=turns, samples=samples, bootstrap=bootstrap, seed=seed)


def compute_by_shard(
    shards: Iterable[Sequence[_Response]], *, split: str, turns: int, samples: int, bootstrap: int, seed: int
) -> list[Metric]:
    """Compute `compute_metrics` from shards, one in memory at a time. A shard holds all responses to its problems."""
    scores: dict[str, list[Score]] = {}
    for rollouts in shards:
        for name, values in problem_scores(gather(rollouts, split, turns, samples), turns, samples).items():
            scores.setdefault(name, []).extend(values)
    if not scores:
        raise ValueError(f"there is no evaluation response for split {split!r}")
    return [summarise(split, name, values, bootstrap, seed) for name, values in scores.items()]


def problem_scores(outcomes: Sequence[Outcome], turns: int, samples: int) -> dict[str, list[Score]]:
    """Score every problem: metric name → [problems], in the order of `outcomes`."""
    scores = {name: [score(outcome) for outcome in outcomes] for name, score in _scorers(turns, samples).items()}
    scores["gain_turns"] = differences(scores[f"m1@t{turns}"], scores["m1@t1"])
    scores["gain_parallel"] = differences(scores[f"m1@t{turns}"], [vote_correct(o.parallel) for o in outcomes])
    scores["gain_oracle"] = differences(scores[f"p1@t{turns}"], [any_correct(o.parallel) for o in outcomes])
    scores["ungraded"] = [_share_ungraded(outcome) for outcome in outcomes]
    return scores


def vote(answers: Sequence[str | None]) -> str | None:
    """The answer of the majority; a tie goes to the earliest. None does not vote."""
    votes = Counter(answer for answer in answers if answer is not None)
    # Counter keeps the order of first appearance, and max the first of equals.
    return max(votes, key=votes.__getitem__, default=None)


def gather(rollouts: Sequence[_Response], split: str, turns: int, samples: int) -> list[Outcome]:
    """Group a split's responses by problem, in order of first appearance.

    Raises:
        ValueError: A problem lacks a response, or has two at one (purpose, turn, sample).
    """
    by_problem: dict[str, dict[tuple[str, int, int], _Response]] = {}
    expected = [(Purpose.EVAL_SEQUENTIAL.value, turn, 0) for turn in range(1, turns + 1)]
    expected += [(Purpose.EVAL_PARALLEL.value, 1, sample) for sample in range(samples)]
    slots = set(expected)
    for rollout in rollouts:
        slot = (str(rollout.purpose), rollout.turn, rollout.sample)
        if rollout.split != split or slot not in slots:
            continue
        if by_problem.setdefault(rollout.problem_id, {}).setdefault(slot, rollout) is not rollout:
            raise ValueError(f"problem {rollout.problem_id} has two responses at (purpose, turn, sample) {slot}")
    if not by_problem:
        raise ValueError(f"there is no evaluation response for split {split!r}")
    for problem_id, responses in by_problem.items():
        missing = [slot for slot in expected if slot not in responses]
        if missing:
            raise ValueError(f"problem {problem_id} lacks its response at (purpose, turn, sample) {missing[0]}")
    ordered = [[responses[slot] for slot in expected] for responses in by_problem.values()]
    return [Outcome(responses[:turns], responses[turns:]) for responses in ordered]


def vote_correct(responses: Sequence[_Response]) -> Score:
    """Score 1 where the majority's answer is correct, else 0. None with an ungraded response."""
    if not all(is_fact(response.verdict) for response in responses):
        return None
    winner = vote([response.answer for response in responses])
    return float(winner is not None and _is_correct(next(r for r in responses if r.answer == winner)))


def any_correct(responses: Sequence[_Response]) -> Score:
    """Score 1 where any response is correct, None with an ungraded response."""
    if not all(is_fact(response.verdict) for response in responses):
        return None
    return float(any(_is_correct(response) for response in responses))


def differences(values: Sequence[Score], baseline: Sequence[Score]) -> list[Score]:
    """Paired differences, one a problem; None where either side is None."""
    pairs = zip(values, baseline, strict=True)
    return [None if value is None or base is None else value - base for value, base in pairs]


def summarise(split: str, name: str, scores: Sequence[Score], bootstrap: int, seed: int) -> Metric:
    """Average the scores of the fully graded problems, with a 95% interval."""
    graded = np.array([score for score in scores if score is not None], dtype=np.float64)
    if graded.size == 0:
        return Metric(split, name, math.nan, math.nan, math.nan, 0)
    low, high = interval(graded, bootstrap, seed)
    return Metric(split, name, float(graded.mean()), low, high, int(graded.size))


def interval(values: np.ndarray, bootstrap: int, seed: int) -> tuple[float, float]:
    """The 2.5% and 97.5% quantiles of the mean over problems resampled with replacement.

    A problem's value is one of a few. The counts of the distinct values in a resample are multinomial: drawing counts
    is exact, and as cheap for 10,000 problems as for 10.
    """
    distinct, counts = np.unique(values, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(values.size, counts / values.size, size=bootstrap)
    low, high = np.quantile(drawn @ distinct / values.size, [0.025, 0.975])
    return float(low), float(high)


def _scorers(turns: int, samples: int) -> dict[str, Callable[[Outcome], Score]]:
    """Metric name → the score of one problem. Where two share a name (K or B is 1), the sequential metric stays."""
    table: dict[str, Callable[[Outcome], Score]] = {"m1@t1": lambda outcome: any_correct(outcome.turns[:1])}
    table.setdefault(f"m{samples}@t1", lambda outcome: vote_correct(outcome.parallel))
    table.setdefault(f"m1@t{turns}", lambda outcome: vote_correct(outcome.turns))
    table.setdefault(f"p1@t{turns}", lambda outcome: any_correct(outcome.turns))
    table.setdefault(f"p{samples}@t1", lambda outcome: any_correct(outcome.parallel))
    table |= {f"acc@t{turn}": partial(_correct_at, turn=turn) for turn in range(1, turns + 1)}
    table |= {f"fixed@t{turn}": partial(_changed_at, turn=turn, to_correct=True) for turn in range(2, turns + 1)}
    table |= {f"broken@t{turn}": partial(_changed_at, turn=turn, to_correct=False) for turn in range(2, turns + 1)}
    return table


def _is_correct(rollout: _Response) -> bool:
    return rollout.verdict == Verdict.CORRECT


def _correct_at(outcome: Outcome, turn: int) -> Score:
    return any_correct(outcome.turns[turn - 1 : turn])


def _changed_at(outcome: Outcome, turn: int, to_correct: bool) -> Score:
    """Whether correctness changed from turn - 1 to turn: to correct, or away from correct."""
    before, after = outcome.turns[turn - 2 : turn]
    if not (is_fact(before.verdict) and is_fact(after.verdict)):
        return None
    return float(_is_correct(before) is not to_correct and _is_correct(after) is to_correct)


def _share_ungraded(outcome: Outcome) -> Score:
    responses = outcome.turns + outcome.parallel
    return sum(not is_fact(response.verdict) for response in responses) / len(responses)

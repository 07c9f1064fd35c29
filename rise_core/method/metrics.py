"""What an evaluation says: votes, passes, transitions, each with n and a 95% bootstrap interval over problems.

A problem's K turns (one sequential episode, `eval_sequential`) and its B parallel responses at turn 1 (`eval_parallel`)
give one number a problem for every metric; the metric is their mean. A problem where a response that the metric reads
could not be graded (gold_unparseable, timeout, error) is left out of that metric: it lowers n, never the value.

| name | meaning |
|---|---|
| m1@t1 | turn 1 is correct |
| m{B}@t1, p{B}@t1 | the vote of the B parallel responses is correct; any of them is |
| m1@t{K}, p1@t{K} | the vote over turns 1..K is correct; any of them is (an oracle stops at the first correct one) |
| acc@t, fixed@t, broken@t | turn t alone is correct; wrong → correct from turn t-1 to t; correct → wrong |
| gain_turns | m1@t{K} - m1@t1, paired |
| gain_parallel | m1@t{K} - m{B}@t1, paired: against plain voting at equal compute, the honest opponent |
| gain_oracle | p1@t{K} - p{B}@t1, paired |
| ungraded | share of the responses that could not be graded |
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rise.core.records import Purpose, Rollout, Scored, Verdict, is_fact

Response = Scored | Rollout
Score = float | None  # one problem's value under one metric; None: a response that it reads could not be graded


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric on one split: mean over `n` problems with its 95% interval (all NaN where n is 0)."""

    split: str
    metric: str
    value: float
    ci_low: float
    ci_high: float
    n: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One problem's responses: turns 1..K of its sequential episode and its B parallel responses."""

    turns: list[Response]
    parallel: list[Response]


def compute_metrics(
    rollouts: Sequence[Response], *, split: str, turns: int, samples: int, bootstrap: int, seed: int
) -> list[Metric]:
    """Every metric of one checkpoint's evaluation on `split`, with K = `turns` and B = `samples`.

    `bootstrap`: resamples behind an interval, drawn with `seed`. Raises ValueError where a response is missing or twice
    there: a hole must not pass for a result.
    """
    return compute_by_shard([rollouts], split=split, turns=turns, samples=samples, bootstrap=bootstrap, seed=seed)


def compute_by_shard(
    shards: Iterable[Sequence[Response]], *, split: str, turns: int, samples: int, bootstrap: int, seed: int
) -> list[Metric]:
    """`compute_metrics` of shards that come one at a time, each with every response to its problems."""
    scores: dict[str, list[Score]] = {}
    for rollouts in shards:
        for name, values in problem_scores(gather(rollouts, split, turns, samples), turns, samples).items():
            scores.setdefault(name, []).extend(values)
    if not scores:
        raise ValueError(f"there is no evaluation response for split {split!r}")
    return [summarise(split, name, values, bootstrap, seed) for name, values in scores.items()]


def problem_scores(outcomes: Sequence[Outcome], turns: int, samples: int) -> dict[str, list[Score]]:
    """Metric name → one value for each outcome, in order."""
    scores = {name: [score(outcome) for outcome in outcomes] for name, score in scorers(turns, samples).items()}
    scores["gain_turns"] = differences(scores[f"m1@t{turns}"], scores["m1@t1"])
    scores["gain_parallel"] = differences(scores[f"m1@t{turns}"], [vote_correct(o.parallel) for o in outcomes])
    scores["gain_oracle"] = differences(scores[f"p1@t{turns}"], [any_correct(o.parallel) for o in outcomes])
    scores["ungraded"] = [share_ungraded(outcome) for outcome in outcomes]
    return scores


def vote(answers: Sequence[str | None]) -> str | None:
    """The answer that most gave; a tie goes to the one that came first. None does not vote."""
    votes = Counter(answer for answer in answers if answer is not None)
    # Counter keeps the order of first appearance, and max the first of equals.
    return max(votes, key=votes.__getitem__, default=None)


def gather(rollouts: Sequence[Response], split: str, turns: int, samples: int) -> list[Outcome]:
    """The split's responses by problem, complete and in order, problems in order of first appearance."""
    found: dict[str, dict[tuple[str, int, int], Response]] = {}
    expected = [(Purpose.EVAL_SEQUENTIAL.value, turn, 0) for turn in range(1, turns + 1)]
    expected += [(Purpose.EVAL_PARALLEL.value, 1, sample) for sample in range(samples)]
    wanted = set(expected)
    for rollout in rollouts:
        place = (str(rollout.purpose), rollout.turn, rollout.sample)
        if rollout.split != split or place not in wanted:
            continue
        if found.setdefault(rollout.problem_id, {}).setdefault(place, rollout) is not rollout:
            raise ValueError(f"problem {rollout.problem_id} has two responses at (purpose, turn, sample) {place}")
    if not found:
        raise ValueError(f"there is no evaluation response for split {split!r}")
    for problem_id, places in found.items():
        missing = [place for place in expected if place not in places]
        if missing:
            raise ValueError(f"problem {problem_id} lacks its response at (purpose, turn, sample) {missing[0]}")
    ordered = [[places[place] for place in expected] for places in found.values()]
    return [Outcome(responses[:turns], responses[turns:]) for responses in ordered]


def scorers(turns: int, samples: int) -> dict[str, Callable[[Outcome], Score]]:
    """Metric name → the value of one problem. Where two share a name (K or B is 1), the sequential one stays."""
    table: dict[str, Callable[[Outcome], Score]] = {"m1@t1": lambda outcome: any_correct(outcome.turns[:1])}
    table.setdefault(f"m{samples}@t1", lambda outcome: vote_correct(outcome.parallel))
    table.setdefault(f"m1@t{turns}", lambda outcome: vote_correct(outcome.turns))
    table.setdefault(f"p1@t{turns}", lambda outcome: any_correct(outcome.turns))
    table.setdefault(f"p{samples}@t1", lambda outcome: any_correct(outcome.parallel))
    table |= {f"acc@t{turn}": partial(correct_at, turn=turn) for turn in range(1, turns + 1)}
    table |= {f"fixed@t{turn}": partial(changed_at, turn=turn, to_correct=True) for turn in range(2, turns + 1)}
    table |= {f"broken@t{turn}": partial(changed_at, turn=turn, to_correct=False) for turn in range(2, turns + 1)}
    return table


def is_correct(rollout: Response) -> bool:
    return rollout.verdict == Verdict.CORRECT


def vote_correct(responses: Sequence[Response]) -> Score:
    """Whether the majority's answer is correct; no votes at all is wrong."""
    if not all(is_fact(response.verdict) for response in responses):
        return None
    winner = vote([response.answer for response in responses])
    return float(winner is not None and is_correct(next(r for r in responses if r.answer == winner)))


def any_correct(responses: Sequence[Response]) -> Score:
    if not all(is_fact(response.verdict) for response in responses):
        return None
    return float(any(is_correct(response) for response in responses))


def correct_at(outcome: Outcome, turn: int) -> Score:
    return any_correct(outcome.turns[turn - 1 : turn])


def changed_at(outcome: Outcome, turn: int, to_correct: bool) -> Score:
    """Whether correctness changed from turn - 1 to turn: to correct, or away from it."""
    before, after = outcome.turns[turn - 2 : turn]
    if not (is_fact(before.verdict) and is_fact(after.verdict)):
        return None
    return float(is_correct(before) is not to_correct and is_correct(after) is to_correct)


def share_ungraded(outcome: Outcome) -> Score:
    responses = outcome.turns + outcome.parallel
    return sum(not is_fact(response.verdict) for response in responses) / len(responses)


def differences(values: Sequence[Score], baseline: Sequence[Score]) -> list[Score]:
    """Paired: one difference a problem, None where either side is None."""
    pairs = zip(values, baseline, strict=True)
    return [None if value is None or base is None else value - base for value, base in pairs]


def summarise(split: str, name: str, scores: Sequence[Score], bootstrap: int, seed: int) -> Metric:
    known = np.array([score for score in scores if score is not None], dtype=np.float64)
    if known.size == 0:
        return Metric(split, name, math.nan, math.nan, math.nan, 0)
    low, high = interval(known, bootstrap, seed)
    return Metric(split, name, float(known.mean()), low, high, int(known.size))


def interval(values: np.ndarray, bootstrap: int, seed: int) -> tuple[float, float]:
    """The 2.5% and 97.5% quantiles of the mean over problems resampled with replacement.

    A resample is how often it draws each distinct value, which is multinomial: exact, and as cheap for 10,000 problems
    as for 10, since a problem's value is one of a few.
    """
    distinct, counts = np.unique(values, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(values.size, counts / values.size, size=bootstrap)
    low, high = np.quantile(drawn @ distinct / values.size, [0.025, 0.975])
    return float(low), float(high)

"""Runs side by side, with paired differences over the problems that they share. Pure.

The first run is the one that the others are held against. A control is judged by turns of one run against the best of
the other, the better of its `m1@tK` and `m{B}@t1`. Their means decide which that is, and it is then held fixed: the
other run gets the benefit of the choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rise.core.method.metrics import Metric, Score, differences, gather, problem_scores, summarise
from rise.core.records import Problem, Rollout

SAMPLED = "sampled responses"
Key = tuple[str, str, int]  # a problem's text and gold answer, and its number among equal ones


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One run at one iteration: its metrics by name, and its problems' scores by metric in one order of problems."""

    label: str
    turns: int
    samples: int
    problems: list[Key]
    scores: dict[str, list[Score]]
    metrics: dict[str, Metric]
    spent: dict[str, int]  # numbers of responses, tokens and examples that its training took
    base: str = ""  # id of the checkpoint that it began from

    @property
    def last(self) -> str:
        return f"m1@t{self.turns}"

    @property
    def best(self) -> str:
        """The better of m1@tK and m{B}@t1; turns where they are equal."""
        names = (self.last, f"m{self.samples}@t1")
        return max(names, key=lambda name: self.metrics[name].value)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. `values` and `differences` hold an entry for each run that has one; `differences[label]` is
    that run minus the first over the problems of both."""

    name: str
    values: dict[str, Metric] = field(default_factory=dict)
    differences: dict[str, Metric] = field(default_factory=dict)


def evaluated(
    label: str,
    rollouts: list[Rollout],
    problems: Mapping[str, Problem],
    metrics: list[Metric],
    spent: dict[str, int],
    split: str,
    base: str = "",
) -> Evaluated:
    """A run's evaluation on a split from its graded responses; `problems` by id. K and B are what was sampled."""
    turns = max(r.turn for r in rollouts)
    samples = 1 + max(r.sample for r in rollouts)
    outcomes = gather(rollouts, split, turns, samples)
    named = {metric.metric: metric for metric in metrics}
    keys = numbered([problems[outcome.turns[0].problem_id] for outcome in outcomes])
    return Evaluated(label, turns, samples, keys, problem_scores(outcomes, turns, samples), named, spent, base)


def numbered(problems: list[Problem]) -> list[Key]:
    seen: dict[tuple[str, str], int] = {}
    keys = []
    for problem in problems:
        text = (problem.problem, problem.answer)
        seen[text] = seen.get(text, 0) + 1
        keys.append((*text, seen[text]))
    return keys


def compare(runs: list[Evaluated], bootstrap: int, seed: int) -> list[Row]:
    """The rows of the table: metrics, then turns against the other's best."""
    first, others = runs[0], runs[1:]

    def difference(run: Evaluated, name: str, base: Evaluated, base_name: str) -> Metric:
        """`name` of `run` minus `base_name` of `base`, paired by problem, with its 95% interval."""
        baseline = dict(zip(base.problems, base.scores[base_name], strict=True))
        shared = [
            (score, baseline[key]) for key, score in zip(run.problems, run.scores[name], strict=True) if key in baseline
        ]
        return summarise("", name, differences([a for a, _ in shared], [b for _, b in shared]), bootstrap, seed)

    names = dict.fromkeys(name for run in runs for name in headline(run))
    rows = []
    for name in names:
        row = Row(name, {run.label: run.metrics[name] for run in runs if name in run.metrics})
        for run in others:
            if name in run.scores and name in first.scores:
                row.differences[run.label] = difference(run, name, first, name)
        rows.append(row)
    rows.append(Row("best", {run.label: run.metrics[run.best] for run in runs}))
    against = Row(f"m1@tK - best of {first.label}")
    for run in others:
        against.differences[run.label] = difference(run, run.last, first, first.best)
    forth = Row(f"m1@tK of {first.label} - best")
    for run in others:
        forth.differences[run.label] = difference(first, first.last, run, run.best)
    return [*rows, against, forth]


def headline(run: Evaluated) -> list[str]:
    """The metrics that are compared, of all those that a run has."""
    names = ["m1@t1", f"m{run.samples}@t1", run.last, f"p1@t{run.turns}", f"p{run.samples}@t1"]
    return [*dict.fromkeys(names), "gain_turns", "gain_parallel", "gain_oracle"]


def notes(runs: list[Evaluated]) -> list[str]:
    """What stands in the way of a fair comparison with the first run, one sentence each."""
    first, found = runs[0], []
    for run in runs[1:]:
        shared = len(set(run.problems) & set(first.problems))
        if not shared:
            found.append(f"{run.label} and {first.label} share no problem: their numbers cannot be compared")
        elif (shared, shared) != (len(run.problems), len(first.problems)):
            found.append(
                f"{run.label} has {len(run.problems)} problems and {first.label} {len(first.problems)}: the "
                f"differences are over the {shared} that they share"
            )
        if run.base != first.base:
            found.append(f"{run.label} and {first.label} do not begin from the same base model")
        if (run.turns, run.samples) != (first.turns, first.samples):
            found.append(
                f"{run.label} has {run.turns} turns and {run.samples} samples, {first.label} {first.turns} and "
                f"{first.samples}: only metrics of the same name are subtracted"
            )
    numbers = {run.label: run.spent.get(SAMPLED, 0) for run in runs}
    if len(set(numbers.values())) > 1:
        listed = ", ".join(f"{label} {count:,}" for label, count in numbers.items())
        found.append(f"NOT at equal numbers of sampled responses: {listed}")
    else:
        found.append(f"equal numbers of sampled responses: {next(iter(numbers.values())):,} for each run's training")
    return found

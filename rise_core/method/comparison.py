"""Compare runs by paired differences over their shared problems.

All other runs are held against the first run. Turns of one run also meet the best of the other run: the better of
`m1@tK` and `m{B}@t1` by their means, then held fixed. The other run gets the benefit of this choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rise_core.method.metrics import Score, differences, gather, problem_scores, summarise
from rise_core.records import Metric, Problem, Rollout

SAMPLED = "sampled responses"
_Key = tuple[str, str, int]  # text and gold answer of a problem, and its number among equal ones


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One run at one iteration: its metrics, and its problems' scores."""

    label: str
    turns: int  # K
    samples: int  # B
    problems: list[_Key]
    scores: dict[str, list[Score]]  # metric name → [problems]
    metrics: dict[str, Metric]  # metric name → metric
    spent: dict[str, int]  # numbers of responses, tokens and examples in its training
    base: str = ""  # id of the checkpoint at its start

    @property
    def last(self) -> str:
        """Name of the vote over all turns."""
        return f"m1@t{self.turns}"

    @property
    def best(self) -> str:
        """Name of the better of m1@tK and m{B}@t1; turns where they are equal."""
        names = (self.last, f"m{self.samples}@t1")
        return max(names, key=lambda name: self.metrics[name].value)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the comparison table.

    `values` and `differences` map a run's label to its metric, and to the run minus the first run over the problems
    of both. A run without the metric has no entry.
    """

    name: str
    values: dict[str, Metric] = field(default_factory=dict)
    differences: dict[str, Metric] = field(default_factory=dict)


def score_run(
    label: str,
    rollouts: list[Rollout],
    problems: Mapping[str, Problem],
    metrics: list[Metric],
    spent: dict[str, int],
    split: str,
    base: str = "",
) -> Evaluated:
    """Build a run's evaluation on `split` from its graded responses.

    K and B are read off the responses.

    Args:
        problems: Problems by id.
    """
    turns = max(r.turn for r in rollouts)
    samples = 1 + max(r.sample for r in rollouts)
    outcomes = gather(rollouts, split, turns, samples)
    by_name = {metric.metric: metric for metric in metrics}
    keys = _number([problems[outcome.turns[0].problem_id] for outcome in outcomes])
    return Evaluated(label, turns, samples, keys, problem_scores(outcomes, turns, samples), by_name, spent, base)


def compare(runs: list[Evaluated], bootstrap: int, seed: int) -> list[Row]:
    """Rows of the comparison table: each headline metric, then turns against the other run's best.

    Args:
        bootstrap: Resamples behind a 95% interval, drawn with `seed`.
    """
    first, others = runs[0], runs[1:]

    def difference(run: Evaluated, name: str, base: Evaluated, base_name: str) -> Metric:
        """`name` of `run` minus `base_name` of `base`, paired by problem."""
        baseline = dict(zip(base.problems, base.scores[base_name], strict=True))
        shared = [
            (score, baseline[key]) for key, score in zip(run.problems, run.scores[name], strict=True) if key in baseline
        ]
        return summarise("", name, differences([a for a, _ in shared], [b for _, b in shared]), bootstrap, seed)

    rows = []
    for name in dict.fromkeys(name for run in runs for name in _headline(run)):
        row = Row(name, {run.label: run.metrics[name] for run in runs if name in run.metrics})
        for run in others:
            if name in run.scores and name in first.scores:
                row.differences[run.label] = difference(run, name, first, name)
        rows.append(row)
    rows.append(Row("best", {run.label: run.metrics[run.best] for run in runs}))
    against_first = Row(f"m1@tK - best of {first.label}")
    against_others = Row(f"m1@tK of {first.label} - best")
    for run in others:
        against_first.differences[run.label] = difference(run, run.last, first, first.best)
        against_others.differences[run.label] = difference(first, first.last, run, run.best)
    return [*rows, against_first, against_others]


def notes(runs: list[Evaluated]) -> list[str]:
    """Sentences about the fairness of a comparison with the first run. The last is about equal sampling."""
    first, sentences = runs[0], []
    for run in runs[1:]:
        shared = len(set(run.problems) & set(first.problems))
        if not shared:
            sentences.append(f"{run.label} and {first.label} share no problem: their numbers cannot be compared")
        elif (shared, shared) != (len(run.problems), len(first.problems)):
            sentences.append(
                f"{run.label} has {len(run.problems)} problems and {first.label} {len(first.problems)}: the "
                f"differences are over the {shared} that they share"
            )
        if run.base != first.base:
            sentences.append(f"{run.label} and {first.label} do not begin from the same base model")
        if (run.turns, run.samples) != (first.turns, first.samples):
            sentences.append(
                f"{run.label} has {run.turns} turns and {run.samples} samples, {first.label} {first.turns} and "
                f"{first.samples}: only metrics of the same name are subtracted"
            )
    numbers = {run.label: run.spent.get(SAMPLED, 0) for run in runs}
    if len(set(numbers.values())) > 1:
        listed = ", ".join(f"{label} {count:,}" for label, count in numbers.items())
        sentences.append(f"NOT at equal numbers of sampled responses: {listed}")
    else:
        count = next(iter(numbers.values()))
        sentences.append(f"equal numbers of sampled responses: {count:,} for each run's training")
    return sentences


def _number(problems: list[Problem]) -> list[_Key]:
    """Keys of problems. Equal problems are numbered from 1: ids differ between runs, and texts may repeat."""
    counts: dict[tuple[str, str], int] = {}
    keys = []
    for problem in problems:
        text = (problem.problem, problem.answer)
        counts[text] = counts.get(text, 0) + 1
        keys.append((*text, counts[text]))
    return keys


def _headline(run: Evaluated) -> list[str]:
    """The compared metrics among all metrics of a run."""
    names = ["m1@t1", f"m{run.samples}@t1", run.last, f"p1@t{run.turns}", f"p{run.samples}@t1"]
    return [*dict.fromkeys(names), "gain_turns", "gain_parallel", "gain_oracle"]

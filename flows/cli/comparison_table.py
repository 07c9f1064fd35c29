"""Runs side by side: read from the lake, then as a table for people or as rows for programs."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pyarrow as pa
from rich.table import Table

from rise.core.config.choices import PolicyKind
from rise.core.config.load import from_yaml
from rise.core.errors import UserError
from rise.core.method.comparison import SAMPLED, Evaluated, Row, compare, evaluated, notes
from rise.core.method.metrics import Metric
from rise.core.records import Purpose
from rise.core.seeds import seed_of
from rise.core.text import printable
from rise.flows.cli.printing import cell, console, shown, write_rows
from rise.storage import checkpoints, metric_rows, problem_rows, rollouts, runs
from rise.storage.lake import Lake
from rise.storage.spending import collected, trained

LONG = ("row", "run", "metric", "value", "ci_low", "ci_high", "n", "difference", "low", "high", "shared")


@dataclass(frozen=True)
class Comparison:
    """The rows of the table, what they cost, and what to know before reading them; the first label is the reference."""

    labels: list[str]
    rows: list[Row]
    spent: dict[str, dict[str, int]]  # what → label → number
    notes: list[str]


def load_comparison(lake: Lake, wanted: list[str], split: str) -> Comparison:
    """Compare runs written as RUN or RUN@K (default: the newest iteration evaluated on the split). Raises UserError."""
    if len(set(wanted)) < max(2, len(wanted)):
        raise UserError("name two different runs or more; RUN@K takes a run as it was after iteration K")
    loaded = [load_run(lake, name, split) for name in wanted]
    labels = [run.label for run in loaded]
    if len(set(labels)) < len(labels):
        raise UserError(f"{', '.join(wanted)}: the same run and iteration is named twice")
    config = from_yaml(runs.get(lake, wanted[0].partition("@")[0]).config)
    whats = sorted({what for run in loaded for what in run.spent}, key=lambda what: (rank(what), what))
    spent = {what: {run.label: run.spent.get(what, 0) for run in loaded} for what in whats}
    rows = compare(loaded, config.eval.bootstrap, seed_of(config.seed, "bootstrap"))
    return Comparison(labels, rows, spent, notes(loaded))


def load_run(lake: Lake, name: str, split: str) -> Evaluated:
    run, at, number = name.partition("@")
    if at and not number.isdigit():
        raise UserError(f"{name!r}: write RUN or RUN@ITERATION, for example demo@1")
    runs.get(lake, run)
    found = metric_rows.read(lake, run, split)
    done = sorted({k for k, _ in found})
    iteration = int(number) if at else max(done, default=-1)
    if iteration not in done:
        there = f"it has iterations {', '.join(map(str, done))}" if done else "`rise eval` makes splits other than eval"
        raise UserError(
            f"run {run!r} has no metrics of {f'iteration {iteration} on ' if at else ''}split {split!r}: {there}"
        )
    sampled = [
        rollout
        for purpose in (Purpose.EVAL_SEQUENTIAL, Purpose.EVAL_PARALLEL)
        for rollout in rollouts.read(lake, run, iteration, purpose.value, split=split)
    ]
    problems = {problem.problem_id: problem for problem in problem_rows.read(lake, run, split)}
    metrics = [metric for k, metric in found if k == iteration]
    base = checkpoints.find(lake, run, 0)
    spent = spending(lake, run, iteration)
    return evaluated(f"{run}@{iteration}", sampled, problems, metrics, spent, split, base.checkpoint_id if base else "")


def spending(lake: Lake, run: str, iteration: int) -> dict[str, int]:
    """What the training of a checkpoint took, all iterations up to it."""
    by_policy = collected(lake, run, iteration)
    sampled = [spent for policy, spent in by_policy.items() if policy != PolicyKind.gold.value]
    examples, tokens = trained(lake, run, iteration)
    return {
        SAMPLED: sum(responses for responses, _ in sampled),
        **{f"  by {policy}": responses for policy, (responses, _) in by_policy.items()},
        "sampled tokens": sum(tokens for _, tokens in sampled),
        "trained examples": examples,
        "trained tokens, all epochs": tokens,
    }


def rank(what: str) -> int:
    """Where a line of spending stands: each policy's share under the sum of all, then tokens, then training."""
    order = (SAMPLED, "  by", "sampled tokens", "trained")
    return next((place for place, start in enumerate(order) if what.startswith(start)), len(order))


def write_comparison(found: Comparison, form: str) -> None:
    """Print as "table" (with its notes), or as "csv" or "json" rows (the notes go to stderr)."""
    if form == "table":
        as_table(found)
    else:
        write_rows(long_rows(found), form)
    for note in found.notes:
        print(printable(note), file=sys.stdout if form == "table" else sys.stderr)


def as_table(found: Comparison) -> None:
    first, *others = found.labels
    table = Table(show_edge=False)
    for name in ["percent", first, *(column for label in others for column in (label, f"{label} - {first}"))]:
        table.add_column(shown(name))
    for row in found.rows:
        cells = [value_cell(row, first)]
        for label in others:
            cells += [value_cell(row, label), difference_cell(row.differences.get(label))]
        table.add_row(*map(shown, (row.name, *cells)))
    table.add_section()
    for what, numbers in found.spent.items():
        cells = [f"{numbers[first]:,}"]
        for label in others:
            cells += [f"{numbers[label]:,}", ""]
        table.add_row(*map(shown, (what, *cells)))
    console().print(table)


def value_cell(row: Row, label: str) -> str:
    found = row.values.get(label)
    return cell(found) + (f"  {found.metric}" if found is not None and found.metric != row.name else "")


def difference_cell(found: Metric | None) -> str:
    return "" if found is None else f"{cell(found)}  n={found.n}"


def long_rows(found: Comparison) -> pa.Table:
    """A row for each line of the table and run; shares, not percent."""
    rows = []
    for row in found.rows:
        for label in found.labels:
            value, change = row.values.get(label), row.differences.get(label)
            if value is not None or change is not None:
                rows.append((row.name, label, *measured(value), *(measured(change)[1:])))
    for what, numbers in found.spent.items():
        rows += [(what.strip(), label, None, float(numbers[label]), *([None] * 7)) for label in found.labels]
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(LONG)})


def measured(found: Metric | None) -> tuple[str | float | None, ...]:
    if found is None:
        return (None,) * 5
    return (found.metric, found.value, found.ci_low, found.ci_high, found.n)

"""Runs of `rise compare`, read from the lake: evaluations, paired differences, and the cost of their training."""

from __future__ import annotations

from dataclasses import dataclass

from rise_core.config.choices import PolicyKind
from rise_core.config.load import from_yaml
from rise_core.errors import UserError
from rise_core.method.comparison import SAMPLED, Evaluated, Row, compare, notes, score_run
from rise_core.records import Purpose
from rise_core.seeds import seed_of
from storage import checkpoints, metric_rows, problem_rows, rollouts, runs
from storage.lake import Lake
from storage.spending import count_responses, count_training


@dataclass(frozen=True)
class Comparison:
    """Runs side by side; the first label is the reference."""

    labels: list[str]  # RUN@ITERATION
    rows: list[Row]  # of the table
    spent: dict[str, dict[str, int]]  # line of spending → label → number
    notes: list[str]  # reasons to doubt the comparison


def read_comparison(lake: Lake, names: list[str], split: str) -> Comparison:
    """Compare runs by their evaluations on a split.

    Args:
        names: RUN, or RUN@K for iteration K; RUN takes the newest iteration evaluated on the split.

    Raises:
        UserError: A name is unknown or named twice, or an iteration has no metrics on the split.
    """
    if len(set(names)) < max(2, len(names)):
        raise UserError("name two different runs or more; RUN@K takes a run as it was after iteration K")
    evaluations = [_read_run(lake, name, split) for name in names]
    labels = [run.label for run in evaluations]
    if len(set(labels)) < len(labels):
        raise UserError(f"{', '.join(names)}: the same run and iteration is named twice")
    # Bootstrap settings come from the first run: one set of draws for the whole table.
    config = from_yaml(runs.get(lake, names[0].partition("@")[0]).config)
    lines = sorted({line for run in evaluations for line in run.spent}, key=lambda line: (spending_order(line), line))
    spent = {line: {run.label: run.spent.get(line, 0) for run in evaluations} for line in lines}
    rows = compare(evaluations, config.eval.bootstrap, seed_of(config.seed, "bootstrap"))
    return Comparison(labels, rows, spent, notes(evaluations))


def read_spending(lake: Lake, run: str, iteration: int) -> dict[str, int]:
    """Sum the responses, tokens and examples of a run's training, up to an iteration.

    Returns:
        Line of the table → number. Gold solutions have a line of their own, but no one sampled such solutions.
    """
    by_policy = count_responses(lake, run, iteration)
    sampled = [spent for policy, spent in by_policy.items() if policy != PolicyKind.gold.value]
    examples, tokens = count_training(lake, run, iteration)
    return {
        SAMPLED: sum(responses for responses, _ in sampled),
        **{f"  by {policy}": responses for policy, (responses, _) in by_policy.items()},
        "sampled tokens": sum(tokens for _, tokens in sampled),
        "trained examples": examples,
        "trained tokens, all epochs": tokens,
    }


def spending_order(line: str) -> int:
    """Rank a line of spending: all sampled responses, the share of each policy, tokens, training."""
    order = (SAMPLED, "  by", "sampled tokens", "trained")
    return next((rank for rank, start in enumerate(order) if line.startswith(start)), len(order))


def _read_run(lake: Lake, name: str, split: str) -> Evaluated:
    run, at, number = name.partition("@")
    if at and not number.isdigit():
        raise UserError(f"{name!r}: write RUN or RUN@ITERATION, for example demo@1")
    runs.get(lake, run)
    metrics = metric_rows.read(lake, run, split)
    iterations = sorted({iteration for iteration, _ in metrics})
    iteration = int(number) if at else max(iterations, default=-1)
    if iteration not in iterations:
        listed = f"it has iterations {', '.join(map(str, iterations))}"
        remedy = listed if iterations else "`rise eval` makes splits other than eval"
        raise UserError(
            f"run {run!r} has no metrics of {f'iteration {iteration} on ' if at else ''}split {split!r}: {remedy}"
        )
    graded = [
        rollout
        for purpose in (Purpose.EVAL_SEQUENTIAL, Purpose.EVAL_PARALLEL)
        for rollout in rollouts.read(lake, run, iteration, purpose.value, split=split)
    ]
    problems = {problem.problem_id: problem for problem in problem_rows.read(lake, run, split)}
    own_metrics = [metric for k, metric in metrics if k == iteration]
    # Runs from different bases get a note below the table.
    base = checkpoints.find(lake, run, 0)
    spent = read_spending(lake, run, iteration)
    base_id = base.checkpoint_id if base else ""
    return score_run(f"{run}@{iteration}", graded, problems, own_metrics, spent, split, base_id)

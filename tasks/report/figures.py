"""Figures of the page: a chart, what it shows in a sentence, and its numbers as a table for those who cannot see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rise.core.records import EVAL_SPLIT
from rise.storage.lake import Lake
from rise.tasks.report import charts, data
from rise.tasks.report.data import Row


@dataclass(frozen=True)
class Figure:
    """`spec` is a Vega-Lite chart without its theme; `numbers` has a row of cells under each heading."""

    name: str
    title: str
    caption: str
    spec: dict[str, Any]
    headings: list[str]
    numbers: list[list[str]]


def figure(name: str, title: str, caption: str, chart: Any, rows: list[Row], columns: dict[str, str]) -> Figure:
    """`columns`: heading → a format of the row's values, such as "{value:.1f}"."""
    spec = {key: value for key, value in chart.to_dict().items() if key != "config"}
    numbers = [[form.format(**row) for form in columns.values()] for row in rows]
    return Figure(name, title, caption, spec, list(columns), numbers)


INTERVAL = {"%": "{value:.1f}", "95% interval": "{low:.1f} to {high:.1f}", "n": "{n}"}
BY_TURN = {"iteration": "{iteration}", "turn": "{turn}"}


def result_figures(lake: Lake, run: str) -> dict[str, list[Figure]]:
    """Split → its figures, for every split with metrics; the flow's own split first."""
    accuracy = by_split(data.by_turn(lake, run, "acc"))
    compared = by_split(data.rows(lake, data.COMPARED, run))
    gains = by_split([row for row in data.rows(lake, data.GAINS, run) if row["metric"] in charts.GAINS])
    flows = by_split(data.by_turn(lake, run, "fixed", "broken"))
    return {
        split: [
            *some("accuracy", accuracy.get(split, []), accuracy_figure),
            *some("compared", compared.get(split, []), compared_figure),
            *some("gains", gains.get(split, []), gains_figure),
            *some("flows", flows.get(split, []), flows_figure),
        ]
        for split in sorted({*accuracy, *compared, *gains}, key=lambda split: (split != EVAL_SPLIT, split))
    }


def by_split(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["split"], []).append(row)
    return found


def some(name: str, rows: list[Row], build: Callable[[str, list[Row]], Figure]) -> list[Figure]:
    """A figure where there is something to show."""
    return [build(name, rows)] if rows else []


def accuracy_figure(name: str, rows: list[Row]) -> Figure:
    caption = "Each turn's response alone, with its 95% interval. Iteration 0 is the base model (dashed)."
    return figure(name, "Accuracy by turn", caption, charts.accuracy(rows), rows, BY_TURN | INTERVAL)


def compared_figure(name: str, rows: list[Row]) -> Figure:
    named = [row | {"what": charts.role_label(row)} for row in rows]
    caption = (
        "The vote over the turns of one episode against the vote of as many parallel responses, and one response alone."
    )
    columns = {"iteration": "{iteration}", "metric": "{what}"} | INTERVAL
    return figure(name, "Turns against parallel samples", caption, charts.compared(rows), named, columns)


def gains_figure(name: str, rows: list[Row]) -> Figure:
    caption = "Paired by problem, with 95% intervals: above 0 the turns help; an interval that holds 0 decides nothing."
    columns = {"iteration": "{iteration}", "gain": "{metric}", "points": "{value:+.1f}"}
    columns |= {"95% interval": "{low:+.1f} to {high:+.1f}", "n": "{n}"}
    return figure(name, "What the turns gain", caption, charts.gains(rows), rows, columns)


def flows_figure(name: str, rows: list[Row]) -> Figure:
    caption = "Problems that a turn made right (up) and made wrong (down); the line across is what remains of both."
    columns = {**BY_TURN, "change": "{kind}", **INTERVAL}
    return figure(name, "Fixed and broken by each turn", caption, charts.flows(rows), rows, columns)


def training_figures(lake: Lake, run: str) -> list[Figure]:
    """Loss, and the rewards and weights of what was trained on."""
    losses = data.rows(lake, data.LOSSES, run)
    boost = [row for row in losses if row["iteration"] == 0]
    rise = [row for row in losses if row["iteration"] > 0]
    weights = data.rows(lake, data.WEIGHTS, run)
    return [
        *some("boost", boost, boost_figure),
        *some("loss", rise, loss_figure),
        *some("rewards", data.histogram(weights, "reward"), rewards_figure),
        *some("weights", data.histogram(weights, "weight"), weights_figure),
    ]


def last_steps(rows: list[Row]) -> list[Row]:
    """An iteration in a row: its steps, its first loss and its last, each a mean over a tenth of the steps."""
    found = []
    for iteration in sorted({row["iteration"] for row in rows}):
        log = [row for row in rows if row["iteration"] == iteration]
        tenth = max(1, len(log) // 10)
        first, last = (sum(row["loss"] for row in part) / tenth for part in (log[:tenth], log[-tenth:]))
        found.append({"iteration": iteration, "steps": log[-1]["step"], "first": first, "last": last})
    return found


LOSS = {
    "iteration": "{iteration}",
    "steps": "{steps}",
    "loss, first tenth": "{first:.4f}",
    "loss, last tenth": "{last:.4f}",
}


def boost_figure(name: str, rows: list[Row]) -> Figure:
    caption = "Fine-tuning of the base on single-turn worked solutions, before iteration 1."
    return figure(name, "Loss of the boost", caption, charts.losses(rows), last_steps(rows), LOSS)


def loss_figure(name: str, rows: list[Row]) -> Figure:
    caption = (
        "Weighted by reward, so its height depends on the weights: compare it within an iteration. "
        "Faint: as logged; strong: a running mean."
    )
    return figure(name, "Training loss", caption, charts.losses(rows), last_steps(rows), LOSS)


def rewards_figure(name: str, rows: list[Row]) -> Figure:
    caption = "Rewards of the responses that were selected for training."
    columns = {"iteration": "{iteration}", "reward": "{bin}", "examples": "{examples:,}"}
    return figure(name, "Rewards of the training set", caption, charts.histogram(rows, "reward"), rows, columns)


def weights_figure(name: str, rows: list[Row]) -> Figure:
    caption = "exp(reward / train.tau), as stored: before train.normalise divides them by their mean, where it does."
    columns = {"iteration": "{iteration}", "weight": "{bin}", "examples": "{examples:,}"}
    return figure(name, "Weights of the training set", caption, charts.histogram(rows, "weight"), rows, columns)


def time_figures(lake: Lake, run: str) -> list[Figure]:
    return some("times", data.stage_times(lake, run), times_figure)


def times_figure(name: str, rows: list[Row]) -> Figure:
    caption = (
        "From one commit to the lake to the next, added to the stage that made the later one; sampling holds grading "
        "and the start of the engines. Where a run was interrupted and resumed, the pause is counted too."
    )
    columns = {"iteration": "{iteration}", "stage": "{stage}", "minutes": "{minutes:.2f}"}
    return figure(name, "Time by stage", caption, charts.times(rows), rows, columns)

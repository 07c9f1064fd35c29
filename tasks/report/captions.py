"""Figures of the page: a chart, its caption, and its numbers as a table for readers who cannot see the chart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rise_core.records import EVAL_SPLIT
from storage.lake import Lake
from tasks.report import chart_rows, charts
from tasks.report.chart_rows import Row, read_rows

# Heading of a table → format of a row's values.
_Columns = dict[str, str]

_INTERVAL = {"%": "{value:.1f}", "95% interval": "{low:.1f} to {high:.1f}", "n": "{n}"}
_BY_TURN = {"iteration": "{iteration}", "turn": "{turn}"}
_LOSS = {
    "iteration": "{iteration}",
    "steps": "{steps}",
    "loss, first tenth": "{first:.4f}",
    "loss, last tenth": "{last:.4f}",
}


@dataclass(frozen=True)
class Figure:
    """A chart with its caption and its numbers."""

    name: str
    title: str
    caption: str
    spec: dict[str, Any]  # Vega-Lite, without a theme
    headings: list[str]  # of the table
    numbers: list[list[str]]  # rows of the table: a cell for each heading


def result_figures(lake: Lake, run: str) -> dict[str, list[Figure]]:
    """Make the figures of every split with metrics; the flow's own split comes first."""
    accuracy = _by_split(chart_rows.by_turn(lake, run, "acc"))
    compared = _by_split(read_rows(lake, chart_rows.COMPARED, run))
    gains = _by_split([row for row in read_rows(lake, chart_rows.GAINS, run) if row["metric"] in charts.GAINS])
    flows = _by_split(chart_rows.by_turn(lake, run, "fixed", "broken"))
    return {
        split: [
            *_if_any("accuracy", accuracy.get(split, []), _accuracy),
            *_if_any("compared", compared.get(split, []), _compared),
            *_if_any("gains", gains.get(split, []), _gains),
            *_if_any("flows", flows.get(split, []), _flows),
        ]
        for split in sorted({*accuracy, *compared, *gains}, key=lambda split: (split != EVAL_SPLIT, split))
    }


def training_figures(lake: Lake, run: str) -> list[Figure]:
    """Make the figures of training: losses, and rewards and weights of the training set."""
    losses = read_rows(lake, chart_rows.LOSSES, run)
    # Iteration 0 trains the base once (boost); its loss has another scale than the iterations'.
    boost = [row for row in losses if row["iteration"] == 0]
    rise = [row for row in losses if row["iteration"] > 0]
    weights = read_rows(lake, chart_rows.WEIGHTS, run)
    return [
        *_if_any("boost", boost, _boost),
        *_if_any("loss", rise, _loss),
        *_if_any("rewards", chart_rows.histogram(weights, "reward"), _rewards),
        *_if_any("weights", chart_rows.histogram(weights, "weight"), _weights),
    ]


def time_figures(lake: Lake, run: str) -> list[Figure]:
    """Make the figure of time by stage."""
    return _if_any("times", chart_rows.stage_times(lake, run), _times)


def _accuracy(name: str, rows: list[Row]) -> Figure:
    caption = "Each turn's response alone, with its 95% interval. Iteration 0 is the base model (dashed)."
    return _figure(name, "Accuracy by turn", caption, charts.accuracy(rows), rows, _BY_TURN | _INTERVAL)


def _compared(name: str, rows: list[Row]) -> Figure:
    named = [row | {"label": charts.role_label(row)} for row in rows]
    caption = (
        "The vote over the turns of one episode against the vote of as many parallel responses, and one response alone."
    )
    columns = {"iteration": "{iteration}", "metric": "{label}"} | _INTERVAL
    return _figure(name, "Turns against parallel samples", caption, charts.compared(rows), named, columns)


def _gains(name: str, rows: list[Row]) -> Figure:
    caption = "Paired by problem, with 95% intervals: above 0 the turns help; an interval that holds 0 decides nothing."
    columns = {"iteration": "{iteration}", "gain": "{metric}", "points": "{value:+.1f}"}
    columns |= {"95% interval": "{low:+.1f} to {high:+.1f}", "n": "{n}"}
    return _figure(name, "What the turns gain", caption, charts.gains(rows), rows, columns)


def _flows(name: str, rows: list[Row]) -> Figure:
    caption = "Problems that a turn made right (up) and made wrong (down); the line across is what remains of both."
    columns = {**_BY_TURN, "change": "{kind}", **_INTERVAL}
    return _figure(name, "Fixed and broken by each turn", caption, charts.flows(rows), rows, columns)


def _boost(name: str, rows: list[Row]) -> Figure:
    caption = "Fine-tuning of the base on single-turn worked solutions, before iteration 1."
    return _figure(name, "Loss of the boost", caption, charts.losses(rows), _first_and_last_loss(rows), _LOSS)


def _loss(name: str, rows: list[Row]) -> Figure:
    caption = (
        "Weighted by reward, so its height depends on the weights: compare it within an iteration. "
        "Faint: as logged; strong: a running mean."
    )
    return _figure(name, "Training loss", caption, charts.losses(rows), _first_and_last_loss(rows), _LOSS)


def _rewards(name: str, rows: list[Row]) -> Figure:
    caption = "Rewards of the responses that were selected for training."
    columns = {"iteration": "{iteration}", "reward": "{bin}", "examples": "{examples:,}"}
    return _figure(name, "Rewards of the training set", caption, charts.histogram(rows, "reward"), rows, columns)


def _weights(name: str, rows: list[Row]) -> Figure:
    caption = "exp(reward / train.tau), as stored: before train.normalise divides them by their mean, where it does."
    columns = {"iteration": "{iteration}", "weight": "{bin}", "examples": "{examples:,}"}
    return _figure(name, "Weights of the training set", caption, charts.histogram(rows, "weight"), rows, columns)


def _times(name: str, rows: list[Row]) -> Figure:
    caption = (
        "From one commit to the lake to the next, added to the stage that made the later one; sampling holds grading "
        "and the start of the engines. Where a run was interrupted and resumed, the pause is counted too."
    )
    columns = {"iteration": "{iteration}", "stage": "{stage}", "minutes": "{minutes:.2f}"}
    return _figure(name, "Time by stage", caption, charts.times(rows), rows, columns)


def _figure(name: str, title: str, caption: str, chart: Any, rows: list[Row], columns: _Columns) -> Figure:
    # The page applies the config of the reader's theme.
    spec = {key: value for key, value in chart.to_dict().items() if key != "config"}
    numbers = [[cell.format(**row) for cell in columns.values()] for row in rows]
    return Figure(name, title, caption, spec, list(columns), numbers)


def _if_any(name: str, rows: list[Row], build: Callable[[str, list[Row]], Figure]) -> list[Figure]:
    """Return one figure, or none where there are no rows."""
    return [build(name, rows)] if rows else []


def _by_split(rows: list[Row]) -> dict[str, list[Row]]:
    splits: dict[str, list[Row]] = {}
    for row in rows:
        splits.setdefault(row["split"], []).append(row)
    return splits


def _first_and_last_loss(rows: list[Row]) -> list[Row]:
    """Average the loss of each iteration over the first and the last tenth of its steps."""
    summary = []
    for iteration in sorted({row["iteration"] for row in rows}):
        log = [row for row in rows if row["iteration"] == iteration]
        tenth = max(1, len(log) // 10)
        first, last = (sum(row["loss"] for row in part) / tenth for part in (log[:tenth], log[-tenth:]))
        summary.append({"iteration": iteration, "steps": log[-1]["step"], "first": first, "last": last})
    return summary

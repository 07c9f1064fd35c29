"""A split's numbers for the page: the newest iteration's main ones, and a table of all."""

from __future__ import annotations

from typing import Any

from rise.core.method.metrics import Metric
from rise.storage import metric_rows
from rise.storage.lake import Lake


def summary(lake: Lake, run: str, split: str) -> dict[str, Any]:
    """`headlines`, and `iterations` with `metrics`: name → iteration → metric, without those of no problem."""
    found = [(k, metric) for k, metric in metric_rows.read(lake, run, split) if metric.n]
    table: dict[str, dict[int, Metric]] = {}
    for k, metric in found:
        table.setdefault(metric.metric, {})[k] = metric
    iterations = sorted({k for k, _ in found})
    turns = lake.query("SELECT max(turns) AS k FROM leaderboard WHERE run = ? AND split = ?", [run, split])["k"][
        0
    ].as_py()
    return {"iterations": iterations, "metrics": table, "headlines": headlines(table, iterations, turns)}


def headlines(table: dict[str, dict[int, Metric]], iterations: list[int], turns: int | None) -> list[dict[str, Any]]:
    """The newest iteration's main metrics, with their value at the base (None where that is not known or the same)."""
    names = {
        f"m1@t{turns}": "Vote over the turns",
        "gain_parallel": "Gain over parallel samples",
        "gain_turns": "Gain over one response",
    }
    newest = iterations[-1]
    return [
        {
            "label": label,
            "metric": table[name][newest],
            "iteration": newest,
            "base": table[name].get(0) if newest else None,
        }
        for name, label in names.items()
        if newest in table.get(name, {})
    ]

"""Runs side by side on standard output: a table for people, rows for programs."""

from __future__ import annotations

import sys

import pyarrow as pa
from rich.table import Table

from flows.cli.compared_runs import Comparison
from flows.cli.printing import console, metric_cell, text_cell, write_rows
from rise_core.method.comparison import Row
from rise_core.records import Metric
from rise_core.text import printable

_COLUMNS = ("row", "run", "metric", "value", "ci_low", "ci_high", "n", "difference", "low", "high", "shared")


def write_comparison(comparison: Comparison, form: str) -> None:
    """Print a comparison.

    Args:
        form: "table" (notes below), or "csv" or "json" (notes on standard error).
    """
    if form == "table":
        _write_table(comparison)
    else:
        write_rows(_long_rows(comparison), form)
    for note in comparison.notes:
        print(printable(note), file=sys.stdout if form == "table" else sys.stderr)


def _write_table(comparison: Comparison) -> None:
    first, *others = comparison.labels
    table = Table(show_edge=False)
    for name in ["percent", first, *(column for label in others for column in (label, f"{label} - {first}"))]:
        table.add_column(text_cell(name))
    # The reference has one column; every other run has two: its value and its difference from the reference.
    for row in comparison.rows:
        cells = [_value(row, first)]
        for label in others:
            cells += [_value(row, label), _difference(row.differences.get(label))]
        table.add_row(*map(text_cell, (row.name, *cells)))
    table.add_section()
    for line, numbers in comparison.spent.items():
        cells = [f"{numbers[first]:,}"]
        for label in others:
            cells += [f"{numbers[label]:,}", ""]
        table.add_row(*map(text_cell, (line, *cells)))
    console().print(table)


def _value(row: Row, label: str) -> str:
    metric = row.values.get(label)
    # A row such as "best" shows a metric of another name.
    return metric_cell(metric) + (f"  {metric.metric}" if metric is not None and metric.metric != row.name else "")


def _difference(metric: Metric | None) -> str:
    return "" if metric is None else f"{metric_cell(metric)}  n={metric.n}"


def _long_rows(comparison: Comparison) -> pa.Table:
    """Make one row for each line of the table and run. Numbers are shares, not percent."""
    rows = []
    for row in comparison.rows:
        for label in comparison.labels:
            value, difference = row.values.get(label), row.differences.get(label)
            if value is not None or difference is not None:
                rows.append((row.name, label, *_fields(value), *(_fields(difference)[1:])))
    for line, numbers in comparison.spent.items():
        rows += [(line.strip(), label, None, float(numbers[label]), *([None] * 7)) for label in comparison.labels]
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(_COLUMNS)})


def _fields(metric: Metric | None) -> tuple[str | float | None, ...]:
    if metric is None:
        return (None,) * 5
    return (metric.metric, metric.value, metric.ci_low, metric.ci_high, metric.n)

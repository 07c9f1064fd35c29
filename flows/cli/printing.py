"""Results on standard output: rows of a query as a table, CSV or JSON, and the metrics of a run."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rise_core.errors import UserError
from rise_core.records import EVAL_SPLIT, Metric
from rise_core.text import printable
from storage import metric_rows
from storage.lake import Lake

_PIPE_WIDTH = 10_000  # columns: no cell is cut when a program reads the table
# Control characters that JSON leaves as they are: written as escapes.
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in [*range(127, 160), 0x2028, 0x2029]}


def write_rows(rows: pa.Table, form: str) -> None:
    """Print the rows of a query as "table", "csv" or "json"."""
    writers: dict[str, Callable[[pa.Table], None]] = {"table": _write_table, "csv": _write_csv, "json": _write_json}
    writers[form](rows)


def write_metrics(lake: Lake, run: str, split: str = EVAL_SPLIT) -> None:
    """Print a run's metrics on a split, in percent with 95% intervals: one column for each iteration.

    Raises:
        UserError: The run has no metrics on the split.
    """
    rows = metric_rows.read(lake, run, split)
    if not rows:
        raise UserError(f"run {run!r} has no metrics: list the runs with `rise runs`, start one with `rise run`")
    iterations = sorted({iteration for iteration, _ in rows})
    # Rows come in the order of the metrics' definition; iterations may lack some of them.
    metrics = {(metric.metric, iteration): metric for iteration, metric in rows}
    table = Table("metric", *(f"iteration {k}" for k in iterations), show_edge=False)
    for name in dict.fromkeys(metric.metric for _, metric in rows):
        table.add_row(*map(text_cell, (name, *(metric_cell(metrics.get((name, k))) for k in iterations))))
    problems = max(metric.n for _, metric in rows)
    suffix = "" if split == EVAL_SPLIT else f", split {split}"
    print(printable(f"run {run}{suffix}: percent of {problems} held-out problems, with 95% intervals"))
    console().print(table)


def metric_cell(metric: Metric | None) -> str:
    """Format a metric in percent with its 95% interval; empty for None."""
    if metric is None:
        return ""
    return f"{100 * metric.value:5.1f}  [{100 * metric.ci_low:.1f}, {100 * metric.ci_high:.1f}]"


def text_cell(value: Any) -> Text:
    """Turn a value into a table cell: markup is shown, not obeyed, and control sequences become escapes."""
    return Text(printable(str(_plain(value))))


def console() -> Console:
    """Open a console on standard output: as wide as the terminal, or unlimited in a pipe."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


def _write_table(rows: pa.Table) -> None:
    table = Table(show_edge=False)
    for name in rows.column_names:
        table.add_column(text_cell(name))
    for row in rows.to_pylist():
        table.add_row(*map(text_cell, row.values()))
    console().print(table)


def _write_csv(rows: pa.Table) -> None:
    # A program gets every character; a terminal would obey some of them.
    cell = (lambda value: printable(str(_plain(value)))) if sys.stdout.isatty() else _plain
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(cell, rows.column_names))
    for row in rows.to_pylist():
        writer.writerow(map(cell, row.values()))


def _write_json(rows: pa.Table) -> None:
    # JSON has no NaN (the metric of an empty set): null.
    values = [{name: None if value != value else value for name, value in row.items()} for row in rows.to_pylist()]
    print(json.dumps(values, default=str, ensure_ascii=False, allow_nan=False).translate(_JSON_ESCAPES))


def _plain(value: Any) -> Any:
    """Flatten a value for one cell: nested values become JSON, NULL becomes empty."""
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    return value

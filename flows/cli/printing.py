"""Results on stdout: query rows as a table, CSV or JSON, and the metrics of a run."""

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

from rise.core.errors import UserError
from rise.core.method.metrics import Metric
from rise.core.records import EVAL_SPLIT
from rise.core.text import printable
from rise.storage import metric_rows
from rise.storage.lake import Lake

PIPE_WIDTH = 10_000  # columns; nothing is cut when a program reads the table
UNSEEN = {code: f"\\u{code:04x}" for code in [*range(127, 160), 0x2028, 0x2029]}  # that JSON may hold as they are


def write_rows(rows: pa.Table, form: str) -> None:
    """Print the rows of a query as "table", "csv" or "json"."""
    writers: dict[str, Callable[[pa.Table], None]] = {"table": as_table, "csv": as_csv, "json": as_json}
    writers[form](rows)


def as_table(rows: pa.Table) -> None:
    table = Table(show_edge=False)
    for name in rows.column_names:
        table.add_column(shown(name))
    for row in rows.to_pylist():
        table.add_row(*map(shown, row.values()))
    console().print(table)


def as_csv(rows: pa.Table) -> None:
    # A program gets every character; a terminal would obey some of them.
    cell = (lambda value: printable(str(plain(value)))) if sys.stdout.isatty() else plain
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(cell, rows.column_names))
    for row in rows.to_pylist():
        writer.writerow(map(cell, row.values()))


def as_json(rows: pa.Table) -> None:
    # NaN (a metric of nothing) is no JSON: null
    values = [{name: None if value != value else value for name, value in row.items()} for row in rows.to_pylist()]
    print(json.dumps(values, default=str, ensure_ascii=False, allow_nan=False).translate(UNSEEN))


def write_metrics(lake: Lake, run: str, split: str = EVAL_SPLIT) -> None:
    """Print a run's metrics on a split in percent with their 95% intervals, a column for each iteration."""
    rows = metric_rows.read(lake, run, split)
    if not rows:
        raise UserError(f"run {run!r} has no metrics: list the runs with `rise runs`, start one with `rise run`")
    iterations = sorted({k for k, _ in rows})
    cells = {(found.metric, k): found for k, found in rows}
    table = Table("metric", *(f"iteration {k}" for k in iterations), show_edge=False)
    for name in dict.fromkeys(found.metric for _, found in rows):
        table.add_row(*map(shown, (name, *(cell(cells.get((name, k))) for k in iterations))))
    problems = max(found.n for _, found in rows)
    where = "" if split == EVAL_SPLIT else f", split {split}"
    print(printable(f"run {run}{where}: percent of {problems} held-out problems, with 95% intervals"))
    console().print(table)


def cell(found: Metric | None) -> str:
    if found is None:
        return ""
    return f"{100 * found.value:5.1f}  [{100 * found.ci_low:.1f}, {100 * found.ci_high:.1f}]"


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)


def shown(value: Any) -> Text:
    """A value as a table may show it: no markup in it is obeyed, no control sequence reaches the terminal."""
    return Text(printable(str(plain(value))))


def plain(value: Any) -> Any:
    """A value as one cell: nested ones as JSON, nothing for NULL."""
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    return value

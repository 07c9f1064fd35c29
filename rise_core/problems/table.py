"""Makes problems of rows with named columns, and checks every row. Problem files and hub datasets share this module."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from rise_core.config.keys import Fields
from rise_core.errors import UserError
from rise_core.problems.row_reader import Row, kind_of
from rise_core.records import Problem


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one split, read lazily."""

    name: str  # for error messages
    stem: str  # prefix of problem ids
    rows: Iterator[Row]


class LocatedProblem(NamedTuple):
    """A problem and its location ("<table> row <n>"). Later checks can name the row at fault."""

    location: str
    problem: Problem


def parse_table(table: Table, split: str, fields: Fields, id_prefix: str) -> Iterator[LocatedProblem]:
    """Yield the problem of every row.

    Args:
        fields: The names of the columns (config keys `problems.fields.*`).
        id_prefix: Prefix of the ids (`PREFIX-ROW`) where no column holds ids.

    Raises:
        UserError: A row lacks a column, or a column holds no usable text; the message names table, row and column.
    """
    for number, row in table.rows:
        location = f"{table.name} row {number}"
        answer = _read_text(row, fields.answer, "answer", location)
        # Without a column of solutions the gold answer serves for boosting: GSM8K's answers are worked solutions.
        problem = Problem(
            problem_id=_read_text(row, fields.id, "id", location) if fields.id else f"{id_prefix}-{number}",
            split=split,
            problem=_read_text(row, fields.problem, "problem", location),
            answer=answer,
            solution=_read_solution(row, fields.solution, location) if fields.solution else answer,
        )
        yield LocatedProblem(location, problem)


def _read_solution(row: dict[str, Any], column: str, location: str) -> str | None:
    """Read the worked solution. A row may lack one: its problem is trained on, but never used for boosting."""
    missing = row.get(column) is None or row[column] == ""
    return None if missing else _read_text(row, column, "solution", location)


def _read_text(row: dict[str, Any], column: str, role: str, location: str) -> str:
    """Read a column as text. Numbers count as text, since many files write ids and answers as numbers."""
    if column not in row:
        columns = ", ".join(list(row)[:8]) or "none"
        raise UserError(f"{location} has no column {column!r} (columns: {columns}); problems.fields.{role} names it")
    value = row[column]
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not isinstance(value, str) and not is_number:
        raise UserError(f"{location}: column {column!r} must be a string or a number, not {kind_of(value)}")
    text = str(value)
    if not text.strip():
        raise UserError(f"{location}: column {column!r} is empty")
    if not _is_unicode(text):
        raise UserError(f"{location}: column {column!r} holds half a surrogate pair: not valid Unicode text")
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

"""Rows with named columns as problems, every row checked: what files and hub datasets share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rise.core.config.keys import Config, Fields
from rise.core.errors import UserError
from rise.core.problems.file_rows import Row, describe
from rise.core.problems.problem_set import ProblemSet
from rise.core.records import Problem
from rise.core.text import fold

Located = tuple[str, Problem]  # a problem and where it stands ("<file> row <n>"), for error messages


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one split, read as they are asked for: `name` tells the user which, `stem` begins the ids."""

    name: str
    stem: str
    rows: Iterator[Row]


def read_tables(config: Config, tables: dict[str, Table]) -> ProblemSet:
    """The problems of tables `train` and `eval`; refuse what would spoil a run, naming table and row."""
    same_stem = tables["train"].stem == tables["eval"].stem
    located = {
        split: read_split(config, split, table, id_prefix=f"{split}-{table.stem}" if same_stem else table.stem)
        for split, table in tables.items()
    }
    check_no_leaks(located["train"], located["eval"])
    check_unique_ids(located["train"] + located["eval"])
    train, held_out = ([problem for _, problem in located[split]] for split in ("train", "eval"))
    return ProblemSet(train, held_out, boost_problems(train, config.boost.problems))


def read_split(config: Config, split: str, table: Table, id_prefix: str) -> list[Located]:
    size: int | None = getattr(config.problems, f"{split}_size")
    problems = list(islice(parse_rows(table, split, config.problems.fields, id_prefix), size))
    if size is not None and len(problems) < size:
        raise UserError(
            f"config: problems.{split}_size is {size}, but {table.name} has only {len(problems)} rows; "
            "lower it or set it to null"
        )
    return problems


def parse_rows(table: Table, split: str, fields: Fields, id_prefix: str) -> Iterator[Located]:
    for number, row in table.rows:
        where = f"{table.name} row {number}"
        answer = text_of(row, fields.answer, "answer", where)
        yield (
            where,
            Problem(
                problem_id=text_of(row, fields.id, "id", where) if fields.id else f"{id_prefix}-{number}",
                split=split,
                problem=text_of(row, fields.problem, "problem", where),
                answer=answer,
                solution=solution_of(row, fields.solution, where) if fields.solution else answer,
            ),
        )


def solution_of(row: dict[str, Any], column: str, where: str) -> str | None:
    """The worked solution, which a row may lack: such a problem is trained on, but does not boost."""
    missing = row.get(column) is None or row[column] == ""
    return None if missing else text_of(row, column, "solution", where)


def text_of(row: dict[str, Any], column: str, role: str, where: str) -> str:
    """A column as text; numbers count as text, since ids and answers are often written as numbers."""
    if column not in row:
        there = ", ".join(list(row)[:8]) or "none"
        raise UserError(f"{where} has no column {column!r} (columns: {there}); problems.fields.{role} names it")
    value = row[column]
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not isinstance(value, str) and not is_number:
        raise UserError(f"{where}: column {column!r} must be a string or a number, not {describe(value)}")
    text = str(value)
    if not text.strip():
        raise UserError(f"{where}: column {column!r} is empty")
    if not is_unicode(text):
        raise UserError(f"{where}: column {column!r} holds half a surrogate pair, which is no valid Unicode text")
    return text


def is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_no_leaks(train: list[Located], held_out: list[Located]) -> None:
    """Refuse a held-out problem that is trained on: its score would say nothing about new problems."""
    trained = {fold(problem.problem): where for where, problem in reversed(train)}
    for where, problem in held_out:
        leak = trained.get(fold(problem.problem))
        if leak:
            raise UserError(
                f"{where} is a held-out problem, but the same problem is trained on: {leak}; remove one of them"
            )


def check_unique_ids(located: list[Located]) -> None:
    seen: dict[str, str] = {}
    for where, problem in located:
        if problem.problem_id in seen:
            raise UserError(
                f"{where} repeats id {problem.problem_id!r} of {seen[problem.problem_id]}; make ids unique over both "
                "splits or leave problems.fields.id unset"
            )
        seen[problem.problem_id] = where


def boost_problems(train: list[Problem], wanted: int) -> list[Problem]:
    """The first `wanted` training problems that have a worked solution."""
    worked = [problem for problem in train if problem.solution is not None]
    if len(worked) < wanted:
        raise UserError(
            f"config: boost.problems is {wanted}, but only {len(worked)} of the {len(train)} training problems have a "
            "solution (column problems.fields.solution); lower it"
        )
    return worked[:wanted]

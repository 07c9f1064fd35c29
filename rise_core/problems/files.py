"""Problems from files: the first rows of the training file and of the held-out file, every row checked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rise_core.config import Config, Fields
from rise_core.errors import UserError
from rise_core.problems.problem_set import ProblemSet, fold
from rise_core.problems.rows import describe, read_rows
from rise_core.records import Problem

Located = tuple[str, Problem]  # a problem and where it stands ("<file> row <n>"), for error messages


def read_problem_files(config: Config) -> ProblemSet:
    """Read `problems.train` and `problems.eval`; refuse what would spoil a run, naming file and row."""
    paths = {split: path_of(config, split) for split in ("train", "eval")}
    same_stem = paths["train"].stem == paths["eval"].stem
    located = {
        split: read_split(config, split, path, id_prefix=f"{split}-{path.stem}" if same_stem else path.stem)
        for split, path in paths.items()
    }
    refuse_leaks(located["train"], located["eval"])
    refuse_repeated_ids(located["train"] + located["eval"])
    train, held_out = ([problem for _, problem in located[split]] for split in ("train", "eval"))
    return ProblemSet(train, held_out, boost_problems(train, config.boost.problems))


def path_of(config: Config, split: str) -> Path:
    name = getattr(config.problems, split)
    if not name:
        what = "training" if split == "train" else "held-out"
        raise UserError(f"config: problems.{split} is not set; name a JSON lines or Parquet file of {what} problems")
    return Path(name).expanduser()


def read_split(config: Config, split: str, path: Path, id_prefix: str) -> list[Located]:
    size: int | None = getattr(config.problems, f"{split}_size")
    problems = list(islice(parse_rows(path, split, config.problems.fields, id_prefix), size))
    if size is not None and len(problems) < size:
        raise UserError(
            f"config: problems.{split}_size is {size}, but {path} has only {len(problems)} rows; "
            "lower it or set it to null"
        )
    return problems


def parse_rows(path: Path, split: str, fields: Fields, id_prefix: str) -> Iterator[Located]:
    for number, row in read_rows(path, f"problems.{split}"):
        where = f"{path} row {number}"
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


def refuse_leaks(train: list[Located], held_out: list[Located]) -> None:
    """Refuse a held-out problem that is trained on: its score would say nothing about new problems."""
    trained = {fold(problem.problem): where for where, problem in reversed(train)}
    for where, problem in held_out:
        leak = trained.get(fold(problem.problem))
        if leak:
            raise UserError(
                f"{where} is a held-out problem, but the same problem is trained on: {leak}; remove one of them"
            )


def refuse_repeated_ids(located: list[Located]) -> None:
    seen: dict[str, str] = {}
    for where, problem in located:
        if problem.problem_id in seen:
            raise UserError(
                f"{where} repeats id {problem.problem_id!r} of {seen[problem.problem_id]}; make ids unique over both "
                "files or leave problems.fields.id unset"
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

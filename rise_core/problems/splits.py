"""Reads both splits from files or a hub dataset, and checks one against the other."""

from __future__ import annotations

from itertools import islice

from rise_core.config.choices import SourceKind
from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.problems.hub_dataset import open_hub_split
from rise_core.problems.problem_files import open_file
from rise_core.problems.problem_set import ProblemSet
from rise_core.problems.table import LocatedProblem, Table, parse_table
from rise_core.records import Problem
from rise_core.text import fold


def read_splits(config: Config) -> ProblemSet:
    """Read both splits.

    Raises:
        UserError: A row is wrong, an id repeats, a held-out problem is also trained on, or problems are too few.
    """
    tables = {split: _open_table(config, split) for split in ("train", "eval")}
    # Ids are stem and row number; two tables of one stem would share ids, so the split goes in front.
    same_stem = tables["train"].stem == tables["eval"].stem
    train, held_out = (
        _read_split(config, split, table, id_prefix=f"{split}-{table.stem}" if same_stem else table.stem)
        for split, table in tables.items()
    )
    _check_no_leaks(train, held_out)
    _check_unique_ids(train + held_out)
    training = [problem for _, problem in train]
    return ProblemSet(training, [problem for _, problem in held_out], _boost_problems(training, config.boost.problems))


def read_held_out_split(config: Config) -> list[Problem]:
    """Read the held-out split alone; the training split may be missing.

    Raises:
        UserError: A row is wrong, an id repeats, or problems are too few.
    """
    table = _open_table(config, "eval")
    held_out = _read_split(config, "eval", table, id_prefix=table.stem)
    _check_unique_ids(held_out)
    return [problem for _, problem in held_out]


def _open_table(config: Config, split: str) -> Table:
    return (open_hub_split if config.problems.source is SourceKind.hub else open_file)(config, split)


def _read_split(config: Config, split: str, table: Table, id_prefix: str) -> list[LocatedProblem]:
    size: int | None = getattr(config.problems, f"{split}_size")
    problems = list(islice(parse_table(table, split, config.problems.fields, id_prefix), size))
    if size is not None and len(problems) < size:
        raise UserError(
            f"config: problems.{split}_size is {size}, but {table.name} has only {len(problems)} rows; "
            "lower it or set it to null"
        )
    return problems


def _check_no_leaks(train: list[LocatedProblem], held_out: list[LocatedProblem]) -> None:
    """Refuse a held-out problem that is also trained on. Its score would say nothing about new problems."""
    trained = {fold(problem.problem): location for location, problem in reversed(train)}
    for location, problem in held_out:
        leak = trained.get(fold(problem.problem))
        if leak:
            raise UserError(
                f"{location} is a held-out problem, but the same problem is trained on: {leak}; remove one of them"
            )


def _check_unique_ids(problems: list[LocatedProblem]) -> None:
    locations: dict[str, str] = {}
    for location, problem in problems:
        if problem.problem_id in locations:
            raise UserError(
                f"{location} repeats id {problem.problem_id!r} of {locations[problem.problem_id]}; make ids unique "
                "over both splits or leave problems.fields.id unset"
            )
        locations[problem.problem_id] = location


def _boost_problems(train: list[Problem], num_boost: int) -> list[Problem]:
    """Choose the first training problems with a worked solution."""
    solved = [problem for problem in train if problem.solution is not None]
    if len(solved) < num_boost:
        raise UserError(
            f"config: boost.problems is {num_boost}, but only {len(solved)} of the {len(train)} training problems have "
            "a solution (column problems.fields.solution); lower it"
        )
    return solved[:num_boost]

"""Turns a generator's entries into problems, and checks the generator's scorer on them."""

from __future__ import annotations

import json
from typing import Any

from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.records import Problem, Verdict
from rise_core.text import error_line
from rise_core.verifiers import reasoning_gym


def read_entry(dataset: Any, config: Config, index: int) -> dict[str, Any]:
    """Read entry `index` of a generator's data set.

    Raises:
        UserError: The generator fails with the parameters of the config.
    """
    try:
        entry: dict[str, Any] = dataset[index]
    except Exception as error:
        raise UserError(
            f"config: generator {config.problems.name} fails with these problems.params: "
            f"{error_line(error, with_type=True, limit=200)}"
        ) from error
    return entry


def is_blank(answer: Any) -> bool:
    """Return whether the right answer is an empty text. No verifier could tell such an answer from no answer."""
    return answer is not None and not str(answer).strip()


def to_problem(entry: dict[str, Any], config: Config, index: int, split: str, solution: str | None) -> Problem:
    """Make a problem of an entry. Its metadata lets a grading process rebuild the generator and the entry.

    Raises:
        UserError: The entry cannot be written as JSON.
    """
    rest = {key: value for key, value in entry.items() if key != "question"}
    try:
        stored = json.loads(json.dumps(rest))
    except (TypeError, ValueError) as error:
        raise UserError(
            f"config: generator {config.problems.name} does not work here: its entries are not JSON ({error})"
        ) from error
    answer = entry["answer"]  # None where the generator has no gold answer: its scorer checks against the entry
    return Problem(
        problem_id=f"{config.problems.name}-{index}",
        split=split,
        problem=entry["question"],
        answer="" if answer is None else str(answer),
        solution=solution,
        metadata={"generator": config.problems.name, "params": dict(config.problems.params), "entry": stored},
    )


def check_gradable(problems: list[Problem]) -> None:
    """Check that a generator's scorer accepts its own answers after their way through JSON.

    Raises:
        UserError: The scorer refuses one, so no response could be graded.
    """
    for problem in problems:
        if problem.solution is not None and not _accepts_gold(problem):
            raise UserError(
                f"config: generator {problem.metadata['generator']} (problems.name) cannot be used: its scorer refuses "
                f"its own answer to problem {problem.problem_id} once that is stored as JSON; choose another generator"
            )


def _accepts_gold(problem: Problem) -> bool:
    try:
        return reasoning_gym.grade(problem.answer, problem).verdict is Verdict.CORRECT
    except reasoning_gym.SCORER_ERRORS:
        return False

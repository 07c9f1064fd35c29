"""A user's own verifier, named by a dotted path: `verify.verifier=my_package.my_module:grade`.

    # my_rules.py, in the folder of the command `rise`
    from rise import Grade, Problem, Verdict

    def grade(response: str, problem: Problem) -> Grade:
        answer = response.split()[-1] if response.split() else None
        if answer is None:
            return Grade(Verdict.NO_ANSWER, -1.0)
        right = answer == problem.answer
        return Grade(Verdict.CORRECT, 1.0, answer) if right else Grade(Verdict.WRONG, 0.0, answer)

The function may also return a bool or a finite number, the reward: 1 or more is correct, less is wrong. Such a response
votes for its stated answer: the content of its last `\\boxed{}`, else the text after its last "answer is", else the
whole response. The same holds for a correct or wrong Grade without an `answer`.

Python finds the module among the installed packages, on PYTHONPATH or in the current folder, in this order. The check
of a run and every grading process import the module, so its top level should hold definitions only.
"""

from __future__ import annotations

import importlib
import inspect
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from rise_core.errors import UserError
from rise_core.records import Grade, Problem, Verdict
from rise_core.text import error_line
from rise_core.verifiers.extract import after_answer_marks, fold_space, last_boxed


@dataclass(frozen=True)
class _OwnVerifier:
    """A user's function as a verifier."""

    path: str
    function: Callable[[str, Problem], Any]

    def grade(self, response: str, problem: Problem) -> Grade:
        """Grade one response.

        Raises:
            TypeError, ValueError: The function's result is no grade. Exceptions of the function itself pass through.
        """
        return _to_grade(self.function(response, problem), response)


def load(path: str) -> _OwnVerifier:
    """Import the function at `module:function`.

    Raises:
        UserError: There is no such module or function, or the function does not take (response, problem).
    """
    key = f"config: verify.verifier={path}"
    module_name, _, function_name = path.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), *function_name.split(".")]):
        raise UserError(f"{key}: write it as module:function, for example my_rules:grade")
    function: Any = _import_module(module_name, key)
    try:
        for name in function_name.split("."):
            function = getattr(function, name)
    except AttributeError:  # name the file: another module of the same name may come first on the path
        file = getattr(sys.modules[module_name], "__file__", None) or "a folder without __init__.py"
        raise UserError(f"{key}: module {module_name} ({file}) has no {function_name}") from None
    _check_signature(function, key)
    return _OwnVerifier(path, function)


def _import_module(name: str, key: str) -> Any:
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.append(folder)  # last, so that a user's file hides no library
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        reason = error_line(error, with_type=True, limit=300)
        raise UserError(
            f"{key}: module {name} cannot be imported ({reason}); it must be installed, on PYTHONPATH or in {folder}"
        ) from error


def _check_signature(function: Any, key: str) -> None:
    if not callable(function) or inspect.isclass(function):
        raise UserError(f"{key} is not a function but {_kind(function)}; it must take (response, problem)")
    if inspect.iscoroutinefunction(function):
        raise UserError(f"{key} is an async function; it must return its grade at once")
    try:
        signature = inspect.signature(function)
    except ValueError:  # some functions written in C have no signature
        return
    try:
        signature.bind("response", "problem")
    except TypeError as error:
        raise UserError(f"{key} cannot be called with (response, problem): {error}") from error


def _to_grade(result: Any, response: str) -> Grade:
    """Convert a function's result to a Grade. Raises TypeError or ValueError for any other type or value."""
    if isinstance(result, Grade):
        if result.answer is not None and not isinstance(result.answer, str):
            raise TypeError(f"the grade's answer must be a string or None, not {_kind(result.answer)}")
        verdict, answer = Verdict(result.verdict), result.answer
        if answer is None and verdict in (Verdict.CORRECT, Verdict.WRONG):
            answer = _stated_answer(response)  # without an answer, a right response could never win a vote
        return Grade(verdict, _finite(result.reward), answer)
    reward = _finite(result)
    return Grade(Verdict.CORRECT if reward >= 1 else Verdict.WRONG, reward, _stated_answer(response))


def _finite(reward: Any) -> float:
    if not isinstance(reward, Real):
        raise TypeError(f"a verifier must return a Grade, a bool or a number, not {_kind(reward)}")
    if not math.isfinite(reward):
        raise ValueError(f"the reward must be a finite number, not {reward}")
    return float(reward)


def _stated_answer(response: str) -> str | None:
    """Return the answer for votes where the user's verifier gives none."""
    marked = after_answer_marks(response)
    return fold_space(last_boxed(response) or (marked[0] if marked else "") or response) or None


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"

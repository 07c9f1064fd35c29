"""A user's own verifier, named by a dotted path: `verify.verifier=my_package.my_module:grade`.

    # my_rules.py, in the folder where `rise` is started
    from rise.core.records import Grade, Problem, Verdict

    def grade(response: str, problem: Problem) -> Grade:
        answer = response.split()[-1] if response.split() else None
        if answer is None:
            return Grade(Verdict.NO_ANSWER, -1.0)
        right = answer == problem.answer
        return Grade(Verdict.CORRECT, 1.0, answer) if right else Grade(Verdict.WRONG, 0.0, answer)

The function may also return a bool, or a finite number: the reward, of which 1 or more is correct and less is wrong.
Votes then go to what the response states as its answer (its last `\\boxed{}`, else what follows its last "answer
is", else the whole response), as they do for a correct or wrong Grade without an `answer`; give one to say better what
votes together.

The module is looked for where Python looks (what is installed, PYTHONPATH) and then in the current folder. It is
imported where a run is checked and in every grading process, so its top level should do nothing but define.
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

from rise.core.errors import UserError
from rise.core.records import Grade, Problem, Verdict
from rise.core.verifiers.extract import after_answer_marks, fold_space, last_boxed


@dataclass(frozen=True)
class OwnVerifier:
    """The function behind a dotted path, its results made grades."""

    path: str
    function: Callable[[str, Problem], Any]

    def grade(self, response: str, problem: Problem) -> Grade:
        """Grade one response. Raises what the function raises, and TypeError or ValueError for a result that is no
        grade."""
        return as_grade(self.function(response, problem), response)


def load(path: str) -> OwnVerifier:
    """The verifier at `module:function`. Raises UserError with one line where there is none that could grade."""
    where = f"config: verify.verifier={path}"
    module_name, _, function_name = path.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), *function_name.split(".")]):
        raise UserError(f"{where}: write it as module:function, for example my_rules:grade")
    found: Any = import_module(module_name, where)
    try:
        for name in function_name.split("."):
            found = getattr(found, name)
    except AttributeError:
        origin = getattr(sys.modules[module_name], "__file__", None) or "a folder without __init__.py"
        raise UserError(f"{where}: module {module_name} ({origin}) has no {function_name}") from None
    check_signature(found, where)
    return OwnVerifier(path, found)


def import_module(name: str, where: str) -> Any:
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.append(folder)  # last: a file of the user's must not hide a library's module
    importlib.invalidate_caches()
    for earlier in ("rise_core", "rise_core.records"):  # verifiers of runs begun before the package `rise` import these
        sys.modules.setdefault(earlier, importlib.import_module(earlier.replace("rise_core", "rise.core")))
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise UserError(
            f"{where}: module {name} cannot be imported ({reason}); it must be installed, on PYTHONPATH or in {folder}"
        ) from error


def check_signature(found: Any, where: str) -> None:
    if not callable(found) or inspect.isclass(found):
        raise UserError(f"{where} is not a function but {kind(found)}; it must take (response, problem)")
    if inspect.iscoroutinefunction(found):
        raise UserError(f"{where} is an async function; it must return its grade at once")
    try:
        signature = inspect.signature(found)
    except ValueError:  # a function written in C may have none
        return
    try:
        signature.bind("response", "problem")
    except TypeError as error:
        raise UserError(f"{where} cannot be called with (response, problem): {error}") from error


def as_grade(result: Any, response: str) -> Grade:
    """A function's result as a Grade. Raises TypeError or ValueError where it is none."""
    if isinstance(result, Grade):
        if result.answer is not None and not isinstance(result.answer, str):
            raise TypeError(f"the grade's answer must be a string or None, not {kind(result.answer)}")
        verdict, answer = Verdict(result.verdict), result.answer
        if answer is None and verdict in (Verdict.CORRECT, Verdict.WRONG):
            answer = stated(response)  # without one, a right response would never win a vote
        return Grade(verdict, finite(result.reward), answer)
    reward = finite(result)
    return Grade(Verdict.CORRECT if reward >= 1 else Verdict.WRONG, reward, stated(response))


def finite(reward: Any) -> float:
    if not isinstance(reward, Real):
        raise TypeError(f"a verifier must return a Grade, a bool or a number, not {kind(reward)}")
    if not math.isfinite(reward):
        raise ValueError(f"the reward must be a finite number, not {reward}")
    return float(reward)


def stated(response: str) -> str | None:
    """What a response is counted as in a vote, where its verifier does not say."""
    marked = after_answer_marks(response)
    return fold_space(last_boxed(response) or (marked[0] if marked else "") or response) or None


def kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"

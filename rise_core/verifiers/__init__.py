"""Verifiers: what a response is worth. One module a verifier, each with `grade(response, problem) -> Grade`.

    from rise.core.verifiers import get
    get("gsm8k").grade("... #### 18", problem)   # Grade(verdict=correct, reward=1.0, answer="18")

A verifier is pure and may be slow or crash on hostile answers: `pool.GradingPool` runs it in processes with a deadline.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from rise.core.errors import UserError
from rise.core.records import Grade, Problem
from rise.core.verifiers import own

NAMES = ("gsm8k", "math", "gsm8k_reference", "math_reference", "exact", "numeric", "reasoning_gym")


def is_own(name: str) -> bool:
    """Whether `verify.verifier` names a user's own function."""
    return ":" in name


class Verifier(Protocol):
    """What every module named in NAMES offers, and a user's own function is made to offer."""

    def grade(self, response: str, problem: Problem) -> Grade:
        """Grade one response against the problem's gold answer."""


def get(name: str) -> Verifier:
    """The verifier of that name, or the user's own at `module:function`. Raises UserError where there is none."""
    if is_own(name):
        return own.load(name)
    if name not in NAMES:
        raise UserError(
            f"config: verify.verifier: there is no verifier {name!r}; choose from {', '.join(NAMES)}, or name your own "
            "as module:function"
        )
    # Imported here, since math-verify and reasoning-gym take seconds and most runs need neither.
    return cast(Verifier, import_module(f"rise.core.verifiers.{name}"))

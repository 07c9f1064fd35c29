"""Verifiers: what a response is worth. One module a verifier, each with `grade(response, problem) -> Grade`.

    from rise_core.verifiers import get
    get("gsm8k").grade("... #### 18", problem)   # Grade(verdict=correct, reward=1.0, answer="18")

A verifier is pure and may be slow or crash on hostile answers: `pool.GradingPool` runs it in processes with a deadline.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from rise_core.errors import UserError
from rise_core.records import Grade, Problem

NAMES = ("gsm8k", "math", "exact", "numeric", "reasoning_gym")


class Verifier(Protocol):
    """What every module named in NAMES offers."""

    def grade(self, response: str, problem: Problem) -> Grade:
        """Grade one response against the problem's gold answer."""


def get(name: str) -> Verifier:
    """The verifier of that name. Raises UserError for an unknown one."""
    if name not in NAMES:
        raise UserError(f"config: verify.verifier: there is no verifier {name!r}; choose from {', '.join(NAMES)}")
    # Imported here, since math-verify and reasoning-gym take seconds and most runs need neither.
    return cast(Verifier, import_module(f"rise_core.verifiers.{name}"))

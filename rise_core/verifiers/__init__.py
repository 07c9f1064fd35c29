"""Verifiers grade responses. One module a verifier, each with `grade(response, problem) -> Grade`.

    from rise_core.verifiers import get
    get("gsm8k").grade("... #### 18", problem)   # Grade(verdict=correct, reward=1.0, answer="18")

A verifier is pure, but may be slow or crash on hostile responses. `grading_pool.GradingPool` runs a verifier in
processes of its own, with a deadline for every response.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from rise_core.errors import UserError
from rise_core.records import Grade, Problem
from rise_core.verifiers import own

NAMES = ("gsm8k", "math", "gsm8k_reference", "math_reference", "exact", "numeric", "reasoning_gym")


class Verifier(Protocol):
    """The interface of every module in NAMES and of a user's own verifier."""

    def grade(self, response: str, problem: Problem) -> Grade:
        """Grade one response against the problem's gold answer."""


def is_own(name: str) -> bool:
    """Return whether `verify.verifier` names a user's own function (`module:function`)."""
    return ":" in name


def get(name: str) -> Verifier:
    """Return the verifier with this name, or the user's own at `module:function`.

    Raises:
        UserError: There is no such verifier.
    """
    if is_own(name):
        return own.load(name)
    if name not in NAMES:
        raise UserError(
            f"config: verify.verifier: there is no verifier {name!r}; choose from {', '.join(NAMES)}, or name your own "
            "as module:function"
        )
    # Imported here: math-verify and reasoning-gym take seconds to import, and most runs do without.
    return cast(Verifier, import_module(f"{__name__}.{name}"))

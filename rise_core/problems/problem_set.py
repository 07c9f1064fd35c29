"""The problems of a run."""

from __future__ import annotations

from dataclasses import dataclass

from rise.core.records import Problem


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """Training problems, held-out problems, and the worked training problems that boost the base model."""

    train: list[Problem]
    eval: list[Problem]
    boost: list[Problem]

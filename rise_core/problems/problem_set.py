"""The problems of a run."""

from __future__ import annotations

from dataclasses import dataclass

from rise_core.records import Problem


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """Training problems, held-out problems, and worked training problems for boosting the base model."""

    train: list[Problem]
    eval: list[Problem]
    boost: list[Problem]

"""The problems of a run, and the one rule by which two problem texts count as the same."""

from __future__ import annotations

from dataclasses import dataclass

from rise_core.records import Problem


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """Training problems, held-out problems, and the worked training problems that boost the base model."""

    train: list[Problem]
    eval: list[Problem]
    boost: list[Problem]


def fold(text: str) -> str:
    """The text without differences of case and white space: what decides whether two problems are the same."""
    return " ".join(text.split()).casefold()

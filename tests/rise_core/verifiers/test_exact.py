"""Exact text."""

from __future__ import annotations

from typing import Any

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import get


def grade(name: str, response: str, gold: str, metadata: dict[str, Any] | None = None) -> Grade:
    return get(name).grade(response, Problem("p", "train", "q", gold, metadata=metadata or {}))


def test_exact() -> None:
    assert grade("exact", " a \n b ", "a b") == Grade(Verdict.CORRECT, 1.0, "a b")
    assert grade("exact", "A b", "a b") == Grade(Verdict.WRONG, 0.0, "A b")
    assert grade("exact", " \n", "a b") == Grade(Verdict.NO_ANSWER, 0.0)
    assert grade("exact", "a", " ") == Grade(Verdict.GOLD_UNPARSEABLE, 0.0, "a")

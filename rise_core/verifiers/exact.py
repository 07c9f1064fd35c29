"""Exact text: a response must equal the gold answer, apart from white space. Reward 1 / 0."""

from __future__ import annotations

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers.extract import fold_space


def grade(response: str, problem: Problem) -> Grade:
    """Grade a response; an empty response is no answer."""
    gold, answer = fold_space(problem.answer), fold_space(response)
    if not gold:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer or None)
    if not answer:
        return Grade(Verdict.NO_ANSWER, 0.0)
    return Grade(Verdict.CORRECT, 1.0, answer) if answer == gold else Grade(Verdict.WRONG, 0.0, answer)

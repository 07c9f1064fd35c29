"""MATH: mathematical equality by math-verify. Reward 1 / 0.

The gold answer is in the last `\\boxed{}` of the solution (a text without a box must be the answer itself). A response
states its answer in its last `\\boxed{}`, else after its last "answer is". Other mathematics is no answer.

math-verify's own time-outs are off: they need SIGALRM and the main thread, and score an interrupted answer as wrong.
The grading pool's deadline takes their place, with a verdict of its own (timeout).
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

import sympy  # type: ignore[import-untyped]
from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers.extract import after_answer_marks, fold_space, last_boxed

_MAX_LENGTH = 1000  # characters; a longer text is no final answer, and parsing could take minutes
_MAX_EXACT = 10**40  # larger numbers get ten digits in the canonical form

# Both loggers would warn that time-outs are off.
logging.getLogger("math_verify.parser").setLevel(logging.ERROR)
logging.getLogger("math_verify.grader").setLevel(logging.ERROR)


def grade(response: str, problem: Problem) -> Grade:
    """Grade a response by mathematical equality, or by equal texts for unreadable answers."""
    gold_text, gold = _gold_answer(problem.answer)
    text, parsed = _response_answer(response)
    answer = _canonical(parsed[0]) if parsed else fold_space(text) or None
    # Equal texts need no mathematics, and also match a gold answer beyond math-verify.
    if text and fold_space(text) == gold_text:
        return Grade(Verdict.CORRECT, 1.0, answer)
    if not gold:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)
    if not parsed:
        return Grade(Verdict.NO_ANSWER, 0.0)
    right = verify(gold, parsed, timeout_seconds=None, raise_on_error=True)
    return Grade(Verdict.CORRECT, 1.0, answer) if right else Grade(Verdict.WRONG, 0.0, answer)


@lru_cache(maxsize=4096)
def _gold_answer(solution: str) -> tuple[str, list[Any]]:
    """Return the text of the gold answer and its parsed forms (empty if unreadable)."""
    boxed = last_boxed(solution)
    text = solution.strip() if boxed is None else boxed
    return fold_space(text), _parse_box(text)


def _response_answer(response: str) -> tuple[str, list[Any]]:
    """Return the text of the stated answer and its parsed forms. Both may be empty."""
    boxed = last_boxed(response)
    if boxed is not None:
        return boxed, _parse_box(boxed)
    for rest in after_answer_marks(response):
        parsed = _parse(rest, [LatexExtractionConfig(), ExprExtractionConfig()])
        if parsed:
            return rest, parsed
    return "", []


def _parse_box(content: str) -> list[Any]:
    return _parse(f"\\boxed{{{content}}}", [LatexExtractionConfig(boxed_match_priority=0)])


def _parse(text: str, targets: list[Any]) -> list[Any]:
    if len(text) > _MAX_LENGTH:
        return []
    return list(parse(text, targets, fallback_mode="no_fallback", parsing_timeout=None, raise_on_error=True))


def _canonical(parsed: Any) -> str:
    """Write a value in one form for all equal values, as far as expansion goes. Equal texts vote together."""
    if isinstance(parsed, sympy.Eq) and isinstance(parsed.lhs, sympy.Symbol):
        parsed = parsed.rhs  # to math-verify, x = 5 equals 5
    if not isinstance(parsed, sympy.Expr):
        return fold_space(str(parsed))
    value = sympy.expand(parsed.doit())
    if value.is_Float:
        value = sympy.Rational(str(value))
    if value.is_number and not (value.is_Rational and abs(value) < _MAX_EXACT):
        value = sympy.N(value, 10)
    return fold_space(str(value))

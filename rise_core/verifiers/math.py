"""MATH: mathematical equality by math-verify. Reward 1 / 0.

The gold answer is in the last `\\boxed{}` of the solution (a text without a box must be the answer itself). A response
states its answer in its last `\\boxed{}`, else after its last "answer is". Nothing else counts: whatever a response
without a stated answer happens to contain is no answer.

math-verify's own time-outs are off: they need SIGALRM and the main thread, and score what they interrupt as wrong. The
pool's deadline does that work, and says so in the verdict.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

import sympy  # type: ignore[import-untyped]
from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

from rise.core.records import Grade, Problem, Verdict
from rise.core.verifiers.extract import after_answer_marks, fold_space, last_boxed

MAX_LENGTH = 1000  # characters; what is longer is no final answer, and parsing it could take minutes
MAX_EXACT = 10**40  # larger numbers get ten digits in the canonical form

# Both warn once that time-outs are off, which is the intention.
logging.getLogger("math_verify.parser").setLevel(logging.ERROR)
logging.getLogger("math_verify.grader").setLevel(logging.ERROR)


def grade(response: str, problem: Problem) -> Grade:
    gold_text, gold = gold_answer(problem.answer)
    text, parsed = response_answer(response)
    answer = canonical(parsed[0]) if parsed else fold_space(text) or None
    if text and fold_space(text) == gold_text:
        return Grade(Verdict.CORRECT, 1.0, answer)
    if not gold:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)
    if not parsed:
        return Grade(Verdict.NO_ANSWER, 0.0)
    right = verify(gold, parsed, timeout_seconds=None, raise_on_error=True)
    return Grade(Verdict.CORRECT, 1.0, answer) if right else Grade(Verdict.WRONG, 0.0, answer)


@lru_cache(maxsize=4096)
def gold_answer(solution: str) -> tuple[str, list[Any]]:
    """The gold answer's text and its parsed forms (none where math-verify cannot read it)."""
    boxed = last_boxed(solution)
    text = solution.strip() if boxed is None else boxed
    return fold_space(text), parse_box(text)


def response_answer(response: str) -> tuple[str, list[Any]]:
    """The stated answer's text and its parsed forms; empty where there is none."""
    boxed = last_boxed(response)
    if boxed is not None:
        return boxed, parse_box(boxed)
    for rest in after_answer_marks(response):
        parsed = parse_with(rest, [LatexExtractionConfig(), ExprExtractionConfig()])
        if parsed:
            return rest, parsed
    return "", []


def parse_box(content: str) -> list[Any]:
    return parse_with(f"\\boxed{{{content}}}", [LatexExtractionConfig(boxed_match_priority=0)])


def parse_with(text: str, how: list[Any]) -> list[Any]:
    if len(text) > MAX_LENGTH:
        return []
    return list(parse(text, how, fallback_mode="no_fallback", parsing_timeout=None, raise_on_error=True))


def canonical(parsed: Any) -> str:
    """One text for one mathematical value, as far as expanding finds it: the class in which votes are counted."""
    if isinstance(parsed, sympy.Eq) and isinstance(parsed.lhs, sympy.Symbol):
        parsed = parsed.rhs  # math-verify takes x = 5 for 5
    if not isinstance(parsed, sympy.Expr):
        return fold_space(str(parsed))
    value = sympy.expand(parsed.doit())
    if value.is_Float:
        value = sympy.Rational(str(value))
    if value.is_number and not (value.is_Rational and abs(value) < MAX_EXACT):
        value = sympy.N(value, 10)
    return fold_space(str(value))

"""Numbers within a tolerance: the response states, or is, a number close to the gold one. Reward 1 / 0.

The gold answer is a number, or a GSM8K solution. The response may be nothing but a number (`1.5e3`, `5 km`);
otherwise it states one as GSM8K responses do. Two numbers are equal within a relative 1e-6, so votes count six digits.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from rise.core.records import Grade, Problem, Verdict
from rise.core.verifiers import gsm8k

PLAIN = re.compile(r"[-+]?[0-9.]{1,40}(?:[eE][-+]?[0-9]{1,4})?")
RELATIVE, ABSOLUTE = 1e-6, 1e-9


def grade(response: str, problem: Problem) -> Grade:
    gold, value = number_of(problem.answer), number_of(response)
    answer = None if value is None else f"{value:.6g}"
    if gold is None:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)
    if value is None:
        return Grade(Verdict.NO_ANSWER, 0.0)
    right = math.isclose(value, gold, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return Grade(Verdict.CORRECT, 1.0, answer) if right else Grade(Verdict.WRONG, 0.0, answer)


def number_of(text: str) -> float | None:
    """The finite number that `text` is or states."""
    stripped = text.strip()
    try:
        # float() also reads "nan", "inf", 1_000 and other scripts' digits: only what looks like a number is left to it.
        value = float(stripped) if PLAIN.fullmatch(stripped) else None
    except ValueError:
        value = None
    if value is None:
        stated = gsm8k.response_answer(text) or (gsm8k.gold_answer(stripped) if len(stripped) <= 40 else None)
        value = None if stated is None else float(Fraction(stated))
    return value if value is not None and math.isfinite(value) else None

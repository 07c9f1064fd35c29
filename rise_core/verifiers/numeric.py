"""Numbers within a tolerance: the response states a number close to the gold one. Reward 1 / 0.

The gold answer is a number, or a GSM8K solution. The response may consist of a number alone (`1.5e3`, `5 km`), or
state one as GSM8K responses do. Numbers are equal within a relative 1e-6, so votes count six digits.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import gsm8k

_PLAIN = re.compile(r"[-+]?[0-9.]{1,40}(?:[eE][-+]?[0-9]{1,4})?")
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9  # tolerances


def grade(response: str, problem: Problem) -> Grade:
    """Grade a response by its number; the parsed answer has six significant digits."""
    gold, value = _read_number(problem.answer), _read_number(response)
    answer = None if value is None else f"{value:.6g}"
    if gold is None:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)
    if value is None:
        return Grade(Verdict.NO_ANSWER, 0.0)
    right = math.isclose(value, gold, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    return Grade(Verdict.CORRECT, 1.0, answer) if right else Grade(Verdict.WRONG, 0.0, answer)


def _read_number(text: str) -> float | None:
    """Return the finite number of a text, or the number stated in the text."""
    stripped = text.strip()
    try:
        # The pattern comes first: float() also reads "nan", "inf", 1_000 and other scripts' digits.
        value = float(stripped) if _PLAIN.fullmatch(stripped) else None
    except ValueError:
        value = None
    if value is None:
        # A short text is read as a gold answer, a number with a unit ("5 km"); a long one must state its number.
        stated = gsm8k.response_answer(text) or (gsm8k.gold_answer(stripped) if len(stripped) <= 40 else None)
        value = None if stated is None else float(Fraction(stated))
    return value if value is not None and math.isfinite(value) else None

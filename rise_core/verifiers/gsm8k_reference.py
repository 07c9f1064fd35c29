"""GSM8K by the rules of the published RISE code, for comparisons (cmu-mind/RISE, environments/gsm8k.py).

The answer is the last `boxed{...}` up to its first closing brace, and must be a whole number after removal of commas.
Reward 1 correct, 0 wrong, -1 without such a number (verdict no_answer). The gold answer is the number after the first
`####`. No other way to state an answer counts.

Stricter than `gsm8k`: `\\boxed{\\$18}`, `\\boxed{18.0}`, `\\boxed{18 km}` and a plain `#### 18` are no answers (-1).
More lenient: `boxed` needs no backslash, and `1_8`, `1,8` and other scripts' digits are 18, as in Python's int().

Differences from the published code, all on purpose:
- The published code reads the gold answer `1,080` as 1 (14 of GSM8K's 1,319 test problems, 79 of its 7,473 training
  problems), and a right answer scores 0. Here the commas of the gold answer are removed too.
- The published code evaluates the gold solution's calculations as Python. Nothing is evaluated here.
- The published code stops with an exception at a gold answer without a number (here: gold_unparseable) and at an answer
  beyond the range of a float (here: wrong).
"""

from __future__ import annotations

import re

from rise_core.records import Grade, Problem, Verdict

_GOLD = re.compile(r"####\s{0,9}(?P<number>[-+]?[0-9][0-9,]{0,99}(?:\.[0-9]{1,99})?)")
_BOX = "boxed{"


def grade(response: str, problem: Problem) -> Grade:
    """Grade a response by the whole number in its last box."""
    gold, answer = _gold_answer(problem.answer), _response_answer(response)
    if gold is None:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)
    if answer is None:
        return Grade(Verdict.NO_ANSWER, -1.0)
    right = _as_float(answer) == gold
    return Grade(Verdict.CORRECT, 1.0, answer) if right else Grade(Verdict.WRONG, 0.0, answer)


def _gold_answer(text: str) -> float | None:
    match = _GOLD.search(text)
    return float(match["number"].replace(",", "")) if match else None


def _response_answer(text: str) -> str | None:
    """Return the whole number in the last box, in plain digits."""
    boxed = _published_box(text)
    try:
        return None if boxed is None else str(int(boxed.replace(",", "")))
    except ValueError:  # not a whole number, or one of thousands of digits
        return None


def _published_box(text: str) -> str | None:
    """Return the group of the last match of `boxed{([^}]+)}`, in linear time."""
    closed, _, _ = text.rpartition("}")
    end = len(closed)
    # Every match ends at a brace and starts at the first "boxed{" after the brace before.
    while end > 0:
        start = text.rfind("}", 0, end) + 1
        box = text.find(_BOX, start, end)
        if box >= 0 and box + len(_BOX) < end:
            return text[box + len(_BOX) : end]
        end = start - 1
    return None


def _as_float(number: str) -> float | None:
    try:
        return float(int(number))
    except OverflowError:
        return None

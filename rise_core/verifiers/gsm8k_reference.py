"""GSM8K as the published RISE code grades it (cmu-mind/RISE, environments/gsm8k.py), to compare numbers with it.

The answer is the last `boxed{...}` up to its first closing brace, and must be a whole number once commas are removed.
Reward 1 correct, 0 wrong, -1 where no such number is found (verdict no_answer). The gold answer is the number after
the first `####`. No other way to state an answer counts.

Stricter than `gsm8k`: `\\boxed{\\$18}`, `\\boxed{18.0}`, `\\boxed{18 km}` and a plain `#### 18` are no answers (-1).
More lenient: `boxed` needs no backslash, and `1_8`, `1,8` and other scripts' digits are 18, as Python's int() reads it.

Differences from the published code, all on purpose:
- It reads the gold answer `1,080` as 1 (14 of GSM8K's 1,319 test problems, 79 of its 7,473 training problems), so that
  a right answer scores 0 there; here the gold answer's commas are removed too.
- It evaluates the gold solution's calculations as Python; nothing is evaluated here.
- It stops with an exception at a gold answer without a number (here: gold_unparseable) and at an answer beyond the
  range of a float (here: wrong).
"""

from __future__ import annotations

import re

from rise.core.records import Grade, Problem, Verdict

GOLD = re.compile(r"####\s{0,9}(?P<number>[-+]?[0-9][0-9,]{0,99}(?:\.[0-9]{1,99})?)")
BOX = "boxed{"


def grade(response: str, problem: Problem) -> Grade:
    gold, answer = gold_answer(problem.answer), response_answer(response)
    if gold is None:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)
    if answer is None:
        return Grade(Verdict.NO_ANSWER, -1.0)
    right = as_float(answer) == gold
    return Grade(Verdict.CORRECT, 1.0, answer) if right else Grade(Verdict.WRONG, 0.0, answer)


def gold_answer(text: str) -> float | None:
    found = GOLD.search(text)
    return float(found["number"].replace(",", "")) if found else None


def response_answer(text: str) -> str | None:
    """The whole number in the last box, in plain digits."""
    boxed = last_box(text)
    try:
        return None if boxed is None else str(int(boxed.replace(",", "")))
    except ValueError:  # no whole number, or one of thousands of digits
        return None


def last_box(text: str) -> str | None:
    """What the last match of the pattern `boxed{([^}]+)}` holds, found in time linear in the text's length."""
    closed, _, _ = text.rpartition("}")
    end = len(closed)
    # Every match ends at a brace and starts at the first "boxed{" after the brace before it.
    while end > 0:
        start = text.rfind("}", 0, end) + 1
        box = text.find(BOX, start, end)
        if box >= 0 and box + len(BOX) < end:
            return text[box + len(BOX) : end]
        end = start - 1
    return None


def as_float(number: str) -> float | None:
    try:
        return float(int(number))
    except OverflowError:
        return None

"""GSM8K: the final number. Reward 1 correct, 0 wrong, -1 where the response states no answer (RISE, section 4).

The gold answer is the number after the last `####`. A response states its answer in one of three ways, tried in order:

1. a number right after the last `####` (the data set's own format; lm-eval's "strict-match");
2. a number in the last `\\boxed{}`;
3. a number on the line of the last "answer is" or "answer:".

The last number of the text (lm-eval's "flexible-extract") is not taken: it would reward a number that the response
happens to end on, and no response would ever count as having no answer. Thousands commas, `$`, `%`, units, a trailing
period and decimals do not matter: `$18.00.` is 18.
"""

from __future__ import annotations

import re
from collections import deque

from rise.core.records import Grade, Problem, Verdict
from rise.core.verifiers.extract import MARKS, after_answer_marks, last_boxed
from rise.core.verifiers.numbers import NUMBER, canonical_number, normalise_signs

HASHES = re.compile(r"####\s{0,4}(?P<rest>(?:(?!####)[^\n]){0,200})")  # each mark for itself, also two on a line
LATEX_NOISE = re.compile(r"\\(?:text|mathrm|textbf|mathbf)\s?\{|\\[,;!: %]|[{}]|\s")


def grade(response: str, problem: Problem) -> Grade:
    gold = gold_answer(problem.answer)
    answer = response_answer(response)
    if gold is None:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)
    if answer is None:
        return Grade(Verdict.NO_ANSWER, -1.0)
    return Grade(Verdict.CORRECT, 1.0, answer) if answer == gold else Grade(Verdict.WRONG, 0.0, answer)


def gold_answer(text: str) -> str | None:
    """The number after the last `####`; a text without `####` must be the number itself."""
    text = normalise_signs(text)
    tail = text.rpartition("####")[2].strip()
    match = NUMBER.match(tail)
    return canonical_number(match) if match and not re.search(r"[0-9]", tail[match.end() :]) else None


def response_answer(text: str) -> str | None:
    """The number that the response states as its answer, in canonical form."""
    text = normalise_signs(text)
    return after_hashes(text) or in_box(text) or after_answer_is(text)


def after_hashes(text: str) -> str | None:
    for match in reversed(deque(HASHES.finditer(text), MARKS)):
        number = NUMBER.match(last_side(match["rest"]).lstrip("#*: "))
        if number:
            return canonical_number(number)
    return None


def in_box(text: str) -> str | None:
    boxed = last_boxed(text)
    number = NUMBER.match(LATEX_NOISE.sub("", last_side(boxed))) if boxed and len(boxed) <= 200 else None
    return canonical_number(number) if number else None


def after_answer_is(text: str) -> str | None:
    for rest in after_answer_marks(text):
        number = NUMBER.search(last_side(rest))
        if number:
            return canonical_number(number)
    return None


def last_side(text: str) -> str:
    """What stands right of the last equals sign: "10 - 5 = 5" answers 5."""
    return text.rpartition("=")[2]

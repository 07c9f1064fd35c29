"""GSM8K: the final number. Reward 1 correct, 0 wrong, -1 where the response states no answer (RISE, section 4).

The gold answer is the number after the last `####`. A response states its answer in one of three ways, tried in order:

1. a number right after the last `####` (the data set's own format; lm-eval's "strict-match");
2. a number in the last `\\boxed{}`;
3. a number on the line of the last "answer is" or "answer:".

There is no fourth way, the last number of the text (lm-eval's "flexible-extract"). Such a rule would reward any number
at the end of a response, and no response would ever count as having no answer. Thousands commas, `$`, `%`, units, a
trailing period and decimals do not matter: `$18.00.` is 18.
"""

from __future__ import annotations

import re
from collections import deque

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers.extract import MAX_MARKS, after_answer_marks, last_boxed
from rise_core.verifiers.number_spelling import NUMBER, canonical_number, normalise_signs

_HASHES = re.compile(r"####\s{0,4}(?P<rest>(?:(?!####)[^\n]){0,200})")  # one match a mark, also for two on a line
_LATEX_NOISE = re.compile(r"\\(?:text|mathrm|textbf|mathbf)\s?\{|\\[,;!: %]|[{}]|\s")


def grade(response: str, problem: Problem) -> Grade:
    """Grade a response by its stated number, in canonical form."""
    gold = gold_answer(problem.answer)
    answer = response_answer(response)
    if gold is None:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)
    if answer is None:
        return Grade(Verdict.NO_ANSWER, -1.0)
    return Grade(Verdict.CORRECT, 1.0, answer) if answer == gold else Grade(Verdict.WRONG, 0.0, answer)


def gold_answer(text: str) -> str | None:
    """Return the number after the last `####`. A text without `####` must be the number itself."""
    text = normalise_signs(text)
    tail = text.rpartition("####")[2].strip()
    match = NUMBER.match(tail)
    # A second number in the tail ("3 or 4") leaves the gold answer open.
    return canonical_number(match) if match and not re.search(r"[0-9]", tail[match.end() :]) else None


def response_answer(text: str) -> str | None:
    """Return the stated number of a response in canonical form, or None."""
    text = normalise_signs(text)
    return _after_hashes(text) or _in_box(text) or _after_answer_is(text)


def _after_hashes(text: str) -> str | None:
    for match in reversed(deque(_HASHES.finditer(text), MAX_MARKS)):
        number = NUMBER.match(_right_side(match["rest"]).lstrip("#*: "))  # Markdown around the number: `#### **18**`
        if number:
            return canonical_number(number)
    return None


def _in_box(text: str) -> str | None:
    boxed = last_boxed(text)
    # A box of more than 200 characters holds no final number; the bound also keeps the substitution cheap.
    number = NUMBER.match(_LATEX_NOISE.sub("", _right_side(boxed))) if boxed and len(boxed) <= 200 else None
    return canonical_number(number) if number else None


def _after_answer_is(text: str) -> str | None:
    for rest in after_answer_marks(text):
        number = NUMBER.search(_right_side(rest))
        if number:
            return canonical_number(number)
    return None


def _right_side(text: str) -> str:
    """Return the text right of the last equals sign. "10 - 5 = 5" states 5."""
    return text.rpartition("=")[2]

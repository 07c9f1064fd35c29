"""Finds stated answers in a response: in `\\boxed{}` or after "answer is". Linear in length, also on hostile texts."""

from __future__ import annotations

import re
from collections import deque

MAX_MARKS = 20  # marks of one kind to read, from the last one back

# Bounded repetitions keep every pattern linear on megabytes of one character.
_ANSWER_MARK = re.compile(r"answer(?: is|:)(?=(?P<rest>[^\n]{0,200}))", re.IGNORECASE)
_BOX = re.compile(r"\\f?box(?:ed)?\s{0,4}(?=\{)")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def last_boxed(text: str) -> str | None:
    """Return the content of the last `\\boxed{...}` (or \\fbox) with balanced braces, or None."""
    starts = {match.end() for match in _BOX.finditer(text)}
    last: tuple[int, int] | None = None  # positions of the box's opening and closing brace
    open_braces: list[int] = []  # a stack: boxes may hold other groups, and other boxes
    for brace in _BRACE.finditer(text, min(starts, default=len(text))):
        if brace.group() == "{":
            open_braces.append(brace.start())
        elif brace.group() == "}" and open_braces:
            start = open_braces.pop()
            if start in starts and (last is None or start > last[0]):
                last = (start, brace.start())
    return text[last[0] + 1 : last[1]] if last else None


def after_answer_marks(text: str) -> list[str]:
    """Return the rests of lines after "answer is" or "answer:", the last first."""
    return [match["rest"].strip() for match in deque(_ANSWER_MARK.finditer(text), MAX_MARKS)][::-1]


def fold_space(text: str) -> str:
    """Collapse every run of white space to one space, and strip both ends."""
    return " ".join(text.split())

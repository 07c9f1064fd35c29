"""Finding the answer in a response: `####`, `\\boxed{}`, "the answer is". Linear in the text's length: answers may be
hostile."""

from __future__ import annotations

import re
from collections import deque

# Bounded repeats keep every pattern linear on megabytes of one character.
ANSWER_MARK = re.compile(r"answer(?: is|:)(?=(?P<rest>[^\n]{0,200}))", re.IGNORECASE)
MARKS = 20  # of these are read, from the last one back
BOX = re.compile(r"\\f?box(?:ed)?\s{0,4}(?=\{)")
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def last_boxed(text: str) -> str | None:
    """The content of the last `\\boxed{...}` (or \\fbox) whose braces balance; None where there is none."""
    starts = {match.end() for match in BOX.finditer(text)}
    best: tuple[int, int] | None = None
    open_braces: list[int] = []
    for brace in BRACE.finditer(text, min(starts, default=len(text))):
        if brace.group() == "{":
            open_braces.append(brace.start())
        elif brace.group() == "}" and open_braces:
            start = open_braces.pop()
            if start in starts and (best is None or start > best[0]):
                best = (start, brace.start())
    return text[best[0] + 1 : best[1]] if best else None


def after_answer_marks(text: str) -> list[str]:
    """What follows "answer is" or "answer:" on its line, the last one first."""
    return [match["rest"].strip() for match in deque(ANSWER_MARK.finditer(text), MARKS)][::-1]


def fold_space(text: str) -> str:
    """The text with every run of white space made one space, none at the ends."""
    return " ".join(text.split())

"""MATH as the published RISE code grades it (cmu-mind/RISE, environments/math.py), to compare numbers with it.

The answers of the response and of the gold solution are what their last `boxed{...}` holds. They are equal where the
normalisation of the MATH data set (hendrycks/math, modeling/math_equivalence.py) makes them the same text. Reward 1
where they are equal, else 0.

Stricter than `math`: no mathematics is done, so 0.25 and 1/4, `2\\sqrt{2}` and `\\sqrt{8}`, `(x+1)^2` and `x^2+2x+1`,
1,000 and 1000 differ. More lenient: `boxed` needs no backslash; braces are matched to a depth of two only, so that
`\\boxed{\\frac{1}{\\sqrt{2}}+3}` counts as `\\frac{1}{\\sqrt{2}`, whatever follows; units after `\\text{ ` are cut off.

Verdicts where the published code knows only 1 and 0: a response without a box, or with an empty one, is no_answer (0);
a gold solution without one is gold_unparseable (the published code gives 1 where neither has a box).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache

from rise.core.records import Grade, Problem, Verdict

BOX = re.compile(r"boxed\{")
BRACE = re.compile(r"[{}]")
UNITS = "\\text{ "

# In this order; each works on what the one before left.
REPLACED = (
    ("\n", ""),
    ("\\!", ""),
    ("\\\\", "\\"),
    ("tfrac", "frac"),
    ("dfrac", "frac"),
    ("\\left", ""),
    ("\\right", ""),
    ("^{\\circ}", ""),
    ("^\\circ", ""),
    ("\\$", ""),
)
NO_ARGUMENT = re.compile(r"\\sqrt(?=\\sqrt|\Z)")
BARE_ROOT = re.compile(r"\\sqrt([^{])")
FRACTION = re.compile(r"(?P<top>-?(?:0|[1-9][0-9]*))/(?P<bottom>-?(?:0|[1-9][0-9]*))")
LONGEST_INTEGER = 4300  # digits; Python's int() reads no more


class Unreadable(Exception):
    """A text that the normalisation cannot handle; it then counts as it is."""


def grade(response: str, problem: Problem) -> Grade:
    gold, text = gold_answer(problem.answer), last_box(response)
    if not gold:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, canonical(text) if text else None)
    if not text:
        return Grade(Verdict.NO_ANSWER, 0.0)
    right = equal(text, gold)
    return Grade(Verdict.CORRECT, 1.0, canonical(text)) if right else Grade(Verdict.WRONG, 0.0, canonical(text))


@lru_cache(maxsize=4096)
def gold_answer(solution: str) -> str | None:
    return last_box(solution)


def last_box(text: str) -> str | None:
    """What the last match of `boxed\\{((?:[^{}]|{[^}]*})*)\\}` holds, found in time linear in the text's length."""
    braces = [found.start() for found in BRACE.finditer(text)]
    ends = box_ends(text, braces)
    last, position = None, 0
    while found := BOX.search(text, position):
        position = found.end()
        brace = bisect_left(braces, position)
        end = ends[brace] if brace < len(braces) else None
        if end is not None:
            last, position = text[position:end], end + 1
    return last


def box_ends(text: str, braces: list[int]) -> list[int | None]:
    """Where a box ends whose content has this brace as its next one, for every brace of the text.

    A closing brace ends it; an opening one is skipped together with all up to the next closing one.
    """
    ends: list[int | None] = [None] * (len(braces) + 1)
    closing: int | None = None  # number of the next closing brace
    for number in range(len(braces) - 1, -1, -1):
        if text[braces[number]] == "}":
            closing = number
            ends[number] = braces[number]
        elif closing is not None:
            ends[number] = ends[closing + 1]
    return ends


def equal(first: str, second: str) -> bool:
    try:
        return normalised(first) == normalised(second)
    except Unreadable:
        return first == second


def canonical(text: str) -> str:
    """The class in which votes are counted."""
    try:
        return normalised(text)
    except Unreadable:
        return text


def normalised(text: str) -> str:
    """The MATH data set's normal form of an answer. Raises Unreadable."""
    for old, new in REPLACED:
        text = text.replace(old, new)
    text = without_units(text).replace("\\%", "")
    text = text.replace(" .", " 0.").replace("{.", "{0.")
    text = f"0{text}" if text.startswith(".") else text
    name, *values = text.split("=")
    if len(values) == 1 and len(name) <= 2:  # "x = 5"
        text = values[0]
    text = with_braced_fractions(with_braced_roots(text).replace(" ", ""))
    return as_fraction("\\frac{1}{2}" if text == "0.5" else text)


def without_units(text: str) -> str:
    quantity, *units = text.split(UNITS)
    if len(units) > 1:
        raise Unreadable("several units")
    return quantity


def with_braced_roots(text: str) -> str:
    """`\\sqrt3` as `\\sqrt{3}`."""
    if NO_ARGUMENT.search(text):
        raise Unreadable("a root of nothing")
    return BARE_ROOT.sub(r"\\sqrt{\1}", text)


def with_braced_fractions(text: str) -> str:
    """`\\frac12` and `\\frac1{2}` as `\\frac{1}{2}`; a text with a cut-off fraction stays as it is."""
    head, *pieces = text.split("\\frac")
    whole = [head]
    for piece in pieces:
        if not piece:
            raise Unreadable("a fraction of nothing")
        if piece[0] != "{":
            if len(piece) == 1:
                return text
            below = piece[1:] if piece[1] == "{" else f"{{{piece[1]}}}{piece[2:]}"
            piece = f"{{{piece[0]}}}{below}"
        whole.append(piece)
    return "\\frac".join(whole)


def as_fraction(text: str) -> str:
    """`3/4` as `\\frac{3}{4}`, for plain integers only."""
    found = FRACTION.fullmatch(text)
    if not found or max(len(found["top"]), len(found["bottom"])) > LONGEST_INTEGER:
        return text
    if "-0" in (found["top"], found["bottom"]):
        return text
    return f"\\frac{{{found['top']}}}{{{found['bottom']}}}"

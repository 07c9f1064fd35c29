"""MATH by the rules of the published RISE code, for comparisons (cmu-mind/RISE, environments/math.py).

The answers of response and gold solution are in their last `boxed{...}`. Two answers are equal if the normalisation of
the MATH data set (hendrycks/math, modeling/math_equivalence.py) yields equal texts. Reward 1 / 0.

Stricter than `math`: no mathematics is done, so 0.25 and 1/4, `2\\sqrt{2}` and `\\sqrt{8}`, `(x+1)^2` and `x^2+2x+1`,
1,000 and 1000 differ. More lenient: `boxed` needs no backslash; braces are matched to a depth of two only, so that
`\\boxed{\\frac{1}{\\sqrt{2}}+3}` counts as `\\frac{1}{\\sqrt{2}` in any text; units after `\\text{ ` are cut off.

The published code knows only 1 and 0. Here a response without a box, or with an empty one, is no_answer (0), and a gold
solution without a box is gold_unparseable (the published code gives 1 where response and solution both have no box).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache

from rise_core.records import Grade, Problem, Verdict

_BOX = re.compile(r"boxed\{")
_BRACE = re.compile(r"[{}]")
_UNITS = "\\text{ "

# Applied in this order, each to the result of the one before.
_REPLACEMENTS = (
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
_NO_ARGUMENT = re.compile(r"\\sqrt(?=\\sqrt|\Z)")
_BARE_ROOT = re.compile(r"\\sqrt([^{])")
_FRACTION = re.compile(r"(?P<top>-?(?:0|[1-9][0-9]*))/(?P<bottom>-?(?:0|[1-9][0-9]*))")
_MAX_DIGITS = 4300  # the limit of Python's int()


class _UnreadableError(Exception):
    """Raised for a text beyond the normalisation, which then counts unchanged."""


def grade(response: str, problem: Problem) -> Grade:
    """Grade a response by the normal form of its last box."""
    gold, text = _gold_answer(problem.answer), published_box(response)
    if not gold:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, _canonical(text) if text else None)
    if not text:
        return Grade(Verdict.NO_ANSWER, 0.0)
    right = _equal(text, gold)
    return Grade(Verdict.CORRECT, 1.0, _canonical(text)) if right else Grade(Verdict.WRONG, 0.0, _canonical(text))


@lru_cache(maxsize=4096)
def _gold_answer(solution: str) -> str | None:
    return published_box(solution)


def published_box(text: str) -> str | None:
    """Return the group of the last match of `boxed\\{((?:[^{}]|{[^}]*})*)\\}`, in linear time."""
    braces = [brace.start() for brace in _BRACE.finditer(text)]
    ends = _box_ends(text, braces)
    last, position = None, 0
    while box := _BOX.search(text, position):
        position = box.end()
        brace = bisect_left(braces, position)
        end = ends[brace] if brace < len(braces) else None
        if end is not None:
            last, position = text[position:end], end + 1
    return last


def _box_ends(text: str, braces: list[int]) -> list[int | None]:
    """Return the end of a box for every brace, taken as its first inner brace.

    A closing brace ends the box. An opening brace is skipped, together with everything up to the next closing brace.

    Args:
        braces: Positions of all braces in `text`, ascending.

    Returns:
        Positions [len(braces) + 1]; None where the box never ends.
    """
    ends: list[int | None] = [None] * (len(braces) + 1)
    closing: int | None = None  # index of the next closing brace
    for index in range(len(braces) - 1, -1, -1):
        if text[braces[index]] == "}":
            closing = index
            ends[index] = braces[index]
        elif closing is not None:
            ends[index] = ends[closing + 1]
    return ends


def _equal(first: str, second: str) -> bool:
    try:
        return _normalise(first) == _normalise(second)
    except _UnreadableError:
        return first == second


def _canonical(text: str) -> str:
    """Return the normal form; equal texts vote together."""
    try:
        return _normalise(text)
    except _UnreadableError:
        return text


def _normalise(text: str) -> str:
    """Return the MATH data set's normal form of an answer. Raises _UnreadableError."""
    for old, new in _REPLACEMENTS:
        text = text.replace(old, new)
    text = _without_units(text).replace("\\%", "")
    text = text.replace(" .", " 0.").replace("{.", "{0.")
    text = f"0{text}" if text.startswith(".") else text
    name, *values = text.split("=")
    if len(values) == 1 and len(name) <= 2:  # "x = 5"
        text = values[0]
    text = _with_braced_fractions(_with_braced_roots(text).replace(" ", ""))
    return _as_fraction("\\frac{1}{2}" if text == "0.5" else text)


def _without_units(text: str) -> str:
    quantity, *units = text.split(_UNITS)
    if len(units) > 1:
        raise _UnreadableError("several units")
    return quantity


def _with_braced_roots(text: str) -> str:
    """Write `\\sqrt3` as `\\sqrt{3}`."""
    if _NO_ARGUMENT.search(text):
        raise _UnreadableError("a root of nothing")
    return _BARE_ROOT.sub(r"\\sqrt{\1}", text)


def _with_braced_fractions(text: str) -> str:
    """Write `\\frac12` and `\\frac1{2}` as `\\frac{1}{2}`. A text with a cut-off fraction stays unchanged."""
    head, *pieces = text.split("\\frac")
    braced = [head]
    for piece in pieces:
        if not piece:
            raise _UnreadableError("a fraction of nothing")
        if piece[0] != "{":
            if len(piece) == 1:
                return text
            below = piece[1:] if piece[1] == "{" else f"{{{piece[1]}}}{piece[2:]}"
            piece = f"{{{piece[0]}}}{below}"
        braced.append(piece)
    return "\\frac".join(braced)


def _as_fraction(text: str) -> str:
    """Write `3/4` as `\\frac{3}{4}`, for plain integers only."""
    match = _FRACTION.fullmatch(text)
    if not match or max(len(match["top"]), len(match["bottom"])) > _MAX_DIGITS:
        return text
    if "-0" in (match["top"], match["bottom"]):
        return text
    return f"\\frac{{{match['top']}}}{{{match['bottom']}}}"

"""Reads numbers in the spellings of people and models. `$1,200.00` and `1200` have one canonical form."""

from __future__ import annotations

import re
from fractions import Fraction

_MAX_DIGITS = 40  # a longer number is no answer, and its conversion to an int could take minutes

# Possessive and atomic groups: backtracking must not match a refused number without its last digit.
NUMBER = re.compile(
    r"""
    (?P<sign>-)? (?:\\?[$€£])? \s? (?P<inner_sign>-)?
    (?<! [0-9.,/^] ) (?<! [0-9]\ ) (?<! [0-9][eE] ) (?<! [0-9][eE][-+] ) (?<! [0-9]\*\* )  # not inside 1.2.3, 10^3, 1e3
    (?P<number> (?> [0-9]{1,3}(?:,[0-9]{3})++(?:\.[0-9]++)? | [0-9]++(?:\.[0-9]++)? | \.[0-9]++ ) )
    (?> (?:\ ?/\ ?(?P<denominator>[0-9]++))? )
    (?! [0-9] | [.,/][0-9] | \ [0-9] | \ ?/\ ?[0-9.] | \ ?\^ | \*\*[0-9] | [eE][-+]?[0-9] )   # nor the start of one
    """,
    re.VERBOSE,
)


def canonical_number(match: re.Match[str]) -> str | None:
    """Convert a match of NUMBER to a plain decimal ("-0.5"), or else to "a/b".

    Returns:
        None for a number of more than 40 digits or with a zero denominator.
    """
    digits, denominator = match["number"].replace(",", ""), match["denominator"] or "1"
    if len(digits) > _MAX_DIGITS or len(denominator) > _MAX_DIGITS or int(denominator) == 0:
        return None
    value = Fraction(digits) / int(denominator)
    return _to_text(-value if (match["sign"] or match["inner_sign"]) else value)


def _to_text(value: Fraction) -> str:
    """Write a fraction as a decimal of at most 12 places, else as "a/b"."""
    if value.denominator == 1:
        return str(value.numerator)
    for places in range(1, 13):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
            return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return str(value)


def normalise_signs(text: str) -> str:
    """Replace every typographic minus by a hyphen."""
    return text.replace("\u2212", "-")

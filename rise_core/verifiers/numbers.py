"""Numbers as people and models write them, in one canonical form: `$1,200.00` and `1200` are the same answer."""

from __future__ import annotations

import re
from fractions import Fraction

MAX_DIGITS = 40  # a longer number is no answer, and turning it into an int could take for ever

# Possessive and atomic parts: a number that is refused must not be found again without its last digit.
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
    """A match of NUMBER as a plain decimal ("18", "-0.5"), or as "a/b" where no short decimal equals it.

    None for a number with more than MAX_DIGITS digits or a zero denominator.
    """
    digits, denominator = match["number"].replace(",", ""), match["denominator"] or "1"
    if len(digits) > MAX_DIGITS or len(denominator) > MAX_DIGITS or int(denominator) == 0:
        return None
    value = Fraction(digits) / int(denominator)
    return to_text(-value if (match["sign"] or match["inner_sign"]) else value)


def to_text(value: Fraction) -> str:
    """A fraction as text: a decimal where it has at most 12 places, else "a/b"."""
    if value.denominator == 1:
        return str(value.numerator)
    for places in range(1, 13):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
            return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return str(value)


def normalise_signs(text: str) -> str:
    """The text with the typographic minus as a hyphen."""
    return text.replace("\u2212", "-")

"""Nothing steers a terminal, a log or a message."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.errors import UserError
from rise_core.text import one_line, printable

HOSTILE = ["\x1b[2J\x1b]0;title\x07", "\x9b31m", "a\rb", "\u202egnp.exe", "\u2066x\u2069", "\x7f", "\x00", "\ud800"]


@pytest.mark.parametrize("text", HOSTILE)
def test_control_sequences_are_shown_as_escapes(text: str) -> None:
    for shown in (printable(text), one_line(text), str(UserError(f"row {text}"))):
        assert all(unicodedata.category(sign) not in ("Cc", "Cs") for sign in shown)
        assert not set(shown) & set("\u202e\u2066\u2069")
        assert "\\" in shown


def test_lines_and_tabs_stay_in_text_but_not_in_a_message() -> None:
    assert printable("a\n\tb\u2028c") == "a\n\tb\\u2028c"
    assert one_line("a\n\tb") == "a\\n\\tb"


@given(st.text(st.characters(codec=None)))
def test_plain_text_stays_as_it_is_and_nothing_is_escaped_twice(text: str) -> None:
    shown = one_line(text)
    assert one_line(shown) == shown
    assert shown.isprintable() or any(unicodedata.category(sign) in ("Cf", "Zs", "Cn", "Co") for sign in shown)
    if text.isascii() and text.isprintable():
        assert printable(text) == text

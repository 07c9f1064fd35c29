"""Shared by the fuzz targets: number of inputs, hostile text, a deadline against hangs.

    make fuzz                                   # 10,000 inputs a target
    RISE_FUZZ=1000 pytest tests/fuzz -k config

The tests take a few inputs, the same every time. RISE_FUZZ sets the number, and every start takes new inputs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from rise_core.errors import UserError
from rise_core.text import one_line

T = TypeVar("T")
MANY = os.environ.get("RISE_FUZZ")
SECONDS = 20  # for one input; a hang takes forever


def fuzzed(in_tests: int = 100, share: float = 1.0) -> settings:
    """Return the settings of a target: `in_tests` inputs, or a share of RISE_FUZZ."""
    return settings(
        max_examples=int(int(MANY) * share) if MANY else in_tests,
        derandomize=MANY is None,
        deadline=None,
        print_blob=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


# Any code point, also halves of surrogate pairs: files and command lines may contain all of them.
characters = st.characters(codec=None)
hostile_text = st.one_of(
    st.text(characters, max_size=40),
    st.sampled_from(
        ["", " ", "\x00", "\x1b[2J", "\ud800", "\u202e", "\r\n", "\u2028", "${oc.env:HOME}", "..", "/", "\\"]
    ),
    st.text("0123456789.,-+/%$eE", max_size=400),
    st.sampled_from("([{<\"'9").map(lambda sign: sign * 3000),
)


def pieces(known: Sequence[str], most: int = 24) -> st.SearchStrategy[str]:
    """Draw texts from a parser's own signs and anything else."""
    return st.lists(st.one_of(st.sampled_from(known), hostile_text), max_size=most).map("".join)


@contextmanager
def deadline(seconds: int = SECONDS) -> Iterator[None]:
    """End a hang by an exception in the main thread."""

    def end(*_: object) -> None:
        raise TimeoutError(f"no end within {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def answered_or_refused(act: Callable[[], T]) -> T | None:
    """Run `act`, and check its refusal: one line, harmless on a terminal, valid Unicode.

    Returns:
        The result of `act`; None where `act` raises UserError. Any other exception is a bug and passes through.
    """
    with deadline():
        try:
            return act()
        except UserError as error:
            message = str(error)
    assert message
    assert message == one_line(message)
    message.encode()
    return None

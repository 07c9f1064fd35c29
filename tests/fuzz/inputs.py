"""What the fuzz targets share: how many inputs, hostile text, and a deadline that a hang cannot outlast.

    make fuzz                                   # 10,000 inputs a target
    RISE_FUZZ=1000 pytest tests/fuzz -k config

The tests take a few inputs, the same every time; with RISE_FUZZ set, that many, and others at every start.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from rise.core.errors import UserError
from rise.core.text import one_line

T = TypeVar("T")
MANY = os.environ.get("RISE_FUZZ")
SECONDS = 20  # that one input may take: hangs take for ever


def fuzzed(in_tests: int = 100, share: float = 1.0) -> settings:
    """How many inputs a target takes: `in_tests`, or the share of what RISE_FUZZ says."""
    return settings(
        max_examples=int(int(MANY) * share) if MANY else in_tests,
        derandomize=MANY is None,
        deadline=None,
        print_blob=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


# Any code point, also halves of surrogate pairs, as a file or a command line may bring them.
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
    """Texts made of what a parser looks for and of anything else."""
    return st.lists(st.one_of(st.sampled_from(known), hostile_text), max_size=most).map("".join)


@contextmanager
def deadline(seconds: int = SECONDS) -> Iterator[None]:
    """Ends a hang by an exception in the main thread."""

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
    """What `act` gives; None where it refuses its input as it should: by a UserError of one line that no terminal obeys
    and every file can hold. Anything else that it raises is a bug."""
    with deadline():
        try:
            return act()
        except UserError as refused:
            said = str(refused)
    assert said
    assert said == one_line(said)
    said.encode()
    return None

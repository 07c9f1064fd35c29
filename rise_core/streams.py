"""Batches of a stream, so that not all of it is in memory at once (Python 3.12 has `itertools.batched` for it)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items each, the last of what is left; none where there is nothing."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch

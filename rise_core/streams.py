"""Batches of a stream, for bounded memory (Python 3.12 has `itertools.batched`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")


def batched(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Yield lists of `size` items, the last one shorter; nothing for an empty stream."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch

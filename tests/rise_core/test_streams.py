"""Batches of a stream."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rise_core.streams import batched


@pytest.mark.parametrize(("count", "batches"), [(0, []), (1, [[0]]), (4, [[0, 1], [2, 3]]), (5, [[0, 1], [2, 3], [4]])])
def test_every_item_comes_once_in_order(count: int, batches: list[list[int]]) -> None:
    assert list(batched(range(count), 2)) == batches


def test_only_one_batch_is_read_ahead() -> None:
    read = []

    def items() -> Iterator[int]:
        for item in range(10):
            read.append(item)
            yield item

    next(batched(items(), 3))
    assert read == [0, 1, 2]

"""Shards survive the way to an engine and back."""

from __future__ import annotations

import numpy as np
import pytest

from rise_core.engine.batches import CompletionBatch, Ragged, RequestBatch
from rise_core.records import Completion, SampleRequest


@pytest.mark.parametrize("lists", [[], [[]], [[1, 2], [], [3]], [[], [], [7]]])
def test_ragged_lists_come_back(lists: list[list[int]]) -> None:
    packed = Ragged.pack(lists)
    assert packed.unpack() == lists
    assert (packed.ids.dtype, packed.ends.dtype) == (np.int32, np.int64)


def test_requests_come_back() -> None:
    requests = [SampleRequest([1, 2, 3], 2, 0), SampleRequest([4], 1, 2**62)]
    assert RequestBatch.pack(requests).unpack() == requests


def test_completions_come_back_by_request() -> None:
    first, second, third = (Completion([i] * i, reason, i / 4) for i, reason in enumerate(("stop", "length", "stop")))
    batch = CompletionBatch.pack([first, second, third])
    assert batch.unpack(np.array([2, 1])) == [[first, second], [third]]


def test_an_unknown_finish_reason_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        CompletionBatch.pack([Completion([1], "abort", 0.0)])

"""Shards on their way between the driver and an engine, as flat arrays: Ray copies arrays, not single tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from rise_core.records import Completion, SampleRequest

_Array = npt.NDArray[Any]
_FINISH_REASONS = ("stop", "length")


@dataclass(frozen=True, slots=True)
class Ragged:
    """Lists of token ids in one array: list i is `ids[ends[i - 1]:ends[i]]`."""

    ids: _Array  # int32 [tokens]
    ends: _Array  # int64 [lists]

    @classmethod
    def pack(cls, lists: Sequence[Sequence[int]]) -> Ragged:
        """Join lists of token ids."""
        ends = np.cumsum([len(ids) for ids in lists], dtype=np.int64)
        return cls(np.fromiter(chain.from_iterable(lists), np.int32, int(ends[-1]) if len(lists) else 0), ends)

    def unpack(self) -> list[list[int]]:
        """Split the array into the lists again."""
        ids, ends = self.ids.tolist(), self.ends.tolist()
        return [ids[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True, slots=True)
class RequestBatch:
    """The sampling requests of a shard."""

    prompts: Ragged
    n: _Array  # int32 [requests]
    seeds: _Array  # int64 [requests]

    @classmethod
    def pack(cls, requests: Sequence[SampleRequest]) -> RequestBatch:
        """Join requests."""
        return cls(
            Ragged.pack([request.prompt_ids for request in requests]),
            np.array([request.n for request in requests], dtype=np.int32),
            np.array([request.seed for request in requests], dtype=np.int64),
        )

    def unpack(self) -> list[SampleRequest]:
        """Split the batch into the requests again."""
        columns = zip(self.prompts.unpack(), self.n.tolist(), self.seeds.tolist(), strict=True)
        return [SampleRequest(prompt_ids, n, seed) for prompt_ids, n, seed in columns]


@dataclass(frozen=True, slots=True)
class CompletionBatch:
    """The completions of a shard, ordered by request, then by sample."""

    responses: Ragged
    reasons: _Array  # uint8 [completions], positions in _FINISH_REASONS
    latencies: _Array  # float32 [completions], seconds

    @classmethod
    def pack(cls, completions: Sequence[Completion]) -> CompletionBatch:
        """Join completions."""
        return cls(
            Ragged.pack([completion.token_ids for completion in completions]),
            np.array([_FINISH_REASONS.index(completion.finish_reason) for completion in completions], dtype=np.uint8),
            np.array([completion.latency for completion in completions], dtype=np.float32),
        )

    def unpack(self, n: _Array) -> list[list[Completion]]:
        """Split the batch into the completions of each request.

        Args:
            n: int32 [requests], the number of completions of each request.
        """
        reasons = [_FINISH_REASONS[reason] for reason in self.reasons.tolist()]
        completions = list(map(Completion, self.responses.unpack(), reasons, self.latencies.tolist()))
        ends = np.cumsum(n).tolist()
        return [completions[start:end] for start, end in zip([0, *ends], ends, strict=False)]

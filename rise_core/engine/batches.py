"""How shards travel between the driver and an engine: flat arrays, which Ray moves without a copy per token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from rise.core.records import Completion, SampleRequest

Array = npt.NDArray[Any]
REASONS = ("stop", "length")


@dataclass(frozen=True, slots=True)
class Ragged:
    """Lists of token ids in one array: list i is `ids[ends[i - 1]:ends[i]]`."""

    ids: Array  # int32 [tokens]
    ends: Array  # int64 [lists]

    @classmethod
    def pack(cls, lists: Sequence[Sequence[int]]) -> Ragged:
        ends = np.cumsum([len(ids) for ids in lists], dtype=np.int64)
        return cls(np.fromiter(chain.from_iterable(lists), np.int32, int(ends[-1]) if len(lists) else 0), ends)

    def unpack(self) -> list[list[int]]:
        ids, ends = self.ids.tolist(), self.ends.tolist()
        return [ids[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True, slots=True)
class RequestBatch:
    """A shard of sampling requests."""

    prompts: Ragged
    n: Array  # int32 [requests]
    seeds: Array  # int64 [requests]

    @classmethod
    def pack(cls, requests: Sequence[SampleRequest]) -> RequestBatch:
        return cls(
            Ragged.pack([request.prompt_ids for request in requests]),
            np.array([request.n for request in requests], dtype=np.int32),
            np.array([request.seed for request in requests], dtype=np.int64),
        )

    def unpack(self) -> list[SampleRequest]:
        columns = zip(self.prompts.unpack(), self.n.tolist(), self.seeds.tolist(), strict=True)
        return [SampleRequest(prompt_ids, n, seed) for prompt_ids, n, seed in columns]


@dataclass(frozen=True, slots=True)
class CompletionBatch:
    """The completions of a shard: by request, then by sample."""

    responses: Ragged
    reasons: Array  # uint8 [completions], positions in REASONS
    latencies: Array  # float32 [completions], seconds

    @classmethod
    def pack(cls, completions: Sequence[Completion]) -> CompletionBatch:
        return cls(
            Ragged.pack([completion.token_ids for completion in completions]),
            np.array([REASONS.index(completion.finish_reason) for completion in completions], dtype=np.uint8),
            np.array([completion.latency for completion in completions], dtype=np.float32),
        )

    def unpack(self, n: Array) -> list[list[Completion]]:
        """Completions of each request; `n` [requests] says how many each one has."""
        reasons = [REASONS[reason] for reason in self.reasons.tolist()]
        flat = list(map(Completion, self.responses.unpack(), reasons, self.latencies.tolist()))
        ends = np.cumsum(n).tolist()
        return [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]

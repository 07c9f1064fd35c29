"""Training rows in memory. The loop and its packing need no more: they import no Arrow, so torch, transformers and peft
are enough to train."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """All rows of a file as flat arrays: row i is `ids[starts[i]:starts[i + 1]]` and so on."""

    ids: NDArray[np.int64]
    mask: NDArray[np.bool_]
    starts: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weights)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row."""
        return np.diff(self.starts)

    def row(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Token ids and loss mask of one row."""
        span = slice(self.starts[index], self.starts[index + 1])
        return self.ids[span], self.mask[span]

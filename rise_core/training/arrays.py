"""Training rows in memory.

The training loop imports this module and no Arrow: torch, transformers and peft are enough to train.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """All N rows of a file as flat arrays. Row i is `ids[starts[i]:starts[i + 1]]`, and `mask` alike."""

    ids: NDArray[np.int64]  # [tokens]
    mask: NDArray[np.bool_]  # [tokens]: True where a token carries loss
    starts: NDArray[np.int64]  # [N + 1]
    weights: NDArray[np.float64]  # [N]

    def __len__(self) -> int:
        return len(self.weights)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each row [N]."""
        return np.diff(self.starts)

    def row(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return one row's token ids and loss mask."""
        span = slice(self.starts[index], self.starts[index + 1])
        return self.ids[span], self.mask[span]

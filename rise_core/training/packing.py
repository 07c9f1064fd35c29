"""Packing: several sequences share one row of a forward pass without seeing each other.

Position ids restart at 0 with every sequence, and no attention mask is passed. From the position ids transformers
builds a block-diagonal causal mask (masking_utils.find_packed_sequence_indices) or, under flash attention, cuts the row
into variable-length attention. Loss and gradient equal the ones of unpacked sequences: tests/rise_core/training/
test_loss.py.

Cost: the dense mask of scaled-dot-product attention grows with the square of a row's width, so short rows win on the
CPU. Under a `row_tokens` below the sequences' length every sequence has its own row; plain causal attention is then
enough, and no mask is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rise_core.config.choices import LossReduction
from rise_core.training.arrays import Rows
from rise_core.training.loss import token_scale


@dataclass(frozen=True)
class Batch:
    """One forward pass: R packed rows of W tokens with n loss tokens in all."""

    input_ids: torch.Tensor  # [R, W] int64
    position_ids: torch.Tensor  # [R, W] int64
    sources: torch.Tensor  # [n] int64 into the flattened [R * W]: the positions that predict the targets
    targets: torch.Tensor  # [n] int64
    scales: torch.Tensor  # [n] float32
    tokens: int  # without padding

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return Batch(
            input_ids=self.input_ids.to(device),
            position_ids=self.position_ids.to(device),
            sources=self.sources.to(device),
            targets=self.targets.to(device),
            scales=self.scales.to(device),
            tokens=self.tokens,
        )


def pack(lengths: Sequence[int], row_tokens: int) -> list[list[int]]:
    """Pack sequences into rows by first-fit decreasing.

    A sequence longer than `row_tokens` gets its own row. The same lengths always give the same rows.

    Args:
        lengths: Tokens of each sequence.
        row_tokens: Capacity of a row in tokens.

    Returns:
        The rows, fullest first, as lists of positions in `lengths`.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        length = lengths[index]
        row = next((row for row, free in enumerate(room) if free >= length), None)
        if row is None:
            rows.append([index])
            room.append(row_tokens - length)
        else:
            rows[row].append(index)
            room[row] -= length
    return sorted(rows, key=lambda row: (-sum(lengths[index] for index in row), row[0]))


def batches(
    rows: Rows, examples: Sequence[int], reduction: LossReduction, row_tokens: int, micro_rows: int, flat: bool = False
) -> Iterator[Batch]:
    """Yield the forward passes over `examples`: at most `micro_rows` packed rows of similar width in each.

    Args:
        examples: Numbers of rows in `rows`.
        flat: Lay the rows of a pass end to end in one row without padding. transformers takes variable-length (flash)
            attention only for a batch of one row.
    """
    packed = [[examples[i] for i in row] for row in pack(rows.lengths[list(examples)].tolist(), row_tokens)]
    for start in range(0, len(packed), micro_rows):
        group = packed[start : start + micro_rows]
        yield collate(rows, [[index for row in group for index in row]] if flat else group, reduction)


def collate(rows: Rows, packed: Sequence[Sequence[int]], reduction: LossReduction) -> Batch:
    """Build one pass from lists of example numbers, one list per packed row. Rows are padded to the longest."""
    lengths = rows.lengths
    width = max(int(sum(lengths[index] for index in row)) for row in packed)
    input_ids = np.zeros((len(packed), width), np.int64)
    # With one sequence per row, position ids go on through the padding: no row looks packed, and causal attention needs
    # no mask. Otherwise every padding token is a sequence of its own. In both cases real tokens come first, so causal
    # attention keeps padding out of their sight.
    single = all(len(row) == 1 for row in packed)
    position_ids = np.tile(np.arange(width), (len(packed), 1)) if single else np.zeros_like(input_ids)
    loss_mask = np.zeros((len(packed), width), np.bool_)
    scales = np.zeros((len(packed), width), np.float32)
    for number, row in enumerate(packed):
        start = 0
        for index in row:
            ids, mask = rows.row(index)
            span = slice(start, start + len(ids))
            input_ids[number, span] = ids
            position_ids[number, span] = np.arange(len(ids))
            loss_mask[number, span] = mask
            scales[number, span] = token_scale(float(rows.weights[index]), int(mask.sum()), reduction)
            start = span.stop
    targets = np.flatnonzero(loss_mask)
    return Batch(
        input_ids=torch.from_numpy(input_ids),
        position_ids=torch.from_numpy(position_ids),
        sources=torch.from_numpy(targets - 1),  # never crosses a row: a sequence's first token carries no loss
        targets=torch.from_numpy(input_ids.reshape(-1)[targets]),
        scales=torch.from_numpy(scales.reshape(-1)[targets]),
        tokens=int(sum(lengths[index] for row in packed for index in row)),
    )

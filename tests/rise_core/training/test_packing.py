"""Packing: every sequence once, positions that restart, passes that hold all examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.config.choices import LossReduction
from rise_core.records import TrainRow
from rise_core.training.packing import batches, collate, pack
from rise_core.training.row_file import Rows, load_rows, write_rows


def load(tmp_path: Path, rows: list[TrainRow]) -> Rows:
    write_rows(tmp_path / "rows.parquet", rows)
    return load_rows(tmp_path / "rows.parquet")


@given(lengths=st.lists(st.integers(1, 40)), row_tokens=st.integers(1, 50))
def test_every_sequence_is_packed_once_and_fits(lengths: list[int], row_tokens: int) -> None:
    rows = pack(lengths, row_tokens)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    for row in rows:
        assert len(row) == 1 or sum(lengths[index] for index in row) <= row_tokens
    assert rows == pack(lengths, row_tokens)


@given(lengths=st.lists(st.integers(1, 40), min_size=1))
def test_rows_are_more_than_half_full_on_average(lengths: list[int]) -> None:
    rows = pack(lengths, 40)
    assert len(rows) == 1 or sum(lengths) / len(rows) > 20


def test_positions_restart_and_sources_precede_their_targets(tmp_path: Path) -> None:
    rows = load(
        tmp_path,
        [
            TrainRow([10, 11, 12], [False, False, True], 6.0),
            TrainRow([20, 21, 22, 23], [False, True, False, True], 4.0),
            TrainRow([30, 31], [False, True], 1.0),
        ],
    )
    batch = collate(rows, [[1, 0], [2]], LossReduction.token_mean)
    assert batch.input_ids.tolist() == [[20, 21, 22, 23, 10, 11, 12], [30, 31, 0, 0, 0, 0, 0]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 3, 0, 1, 2], [0, 1, 0, 0, 0, 0, 0]]
    assert batch.targets.tolist() == [21, 23, 12, 31]
    assert batch.input_ids.flatten()[batch.sources].tolist() == [20, 22, 11, 30]
    assert batch.scales.tolist() == [2, 2, 6, 1]
    assert batch.tokens == 9
    assert collate(rows, [[1]], LossReduction.token_sum).scales.tolist() == [4, 4]


def test_a_sequence_a_row_needs_no_packing_mask(tmp_path: Path) -> None:
    rows = load(tmp_path, [TrainRow([1, 2], [False, True], 1.0), TrainRow([1, 2, 3], [False, False, True], 1.0)])
    batch = collate(rows, [[0], [1]], LossReduction.token_mean)
    assert batch.position_ids.tolist() == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize("flat", [False, True])
def test_passes_hold_all_examples_and_only_them(tmp_path: Path, rows: list[TrainRow], flat: bool) -> None:
    loaded = load(tmp_path, rows)
    chosen = [12, 3, 7, 0, 5]
    passes = list(batches(loaded, chosen, LossReduction.token_mean, 40, 2, flat))
    targets = sorted(token for batch in passes for token in batch.targets.tolist())
    expected = [token for i in chosen for token, on in zip(rows[i].ids, rows[i].mask, strict=True) if on]
    assert targets == sorted(expected)
    assert sum(batch.tokens for batch in passes) == sum(len(rows[i].ids) for i in chosen)
    assert max(batch.input_ids.shape[0] for batch in passes) == (1 if flat else 2)
    if flat:
        assert all(batch.input_ids.shape[1] == batch.tokens for batch in passes)
    starts = sum(int(np.count_nonzero(batch.position_ids == 0)) for batch in passes)
    assert starts >= len(chosen)

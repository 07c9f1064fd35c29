"""Training rows on disk: read back as written; a row that cannot be trained on is named."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rise_core.errors import UserError
from rise_core.records import TrainRow
from rise_core.training.row_file import load_rows, write_rows
from tests.rise_core.training.read_rows import read_rows

GOOD = TrainRow([5, 6, 7], [False, False, True], 2.5)


def test_rows_come_back_as_written(tmp_path: Path, rows: list[TrainRow]) -> None:
    write_rows(tmp_path / "new" / "rows.parquet", rows)
    assert read_rows(tmp_path / "new" / "rows.parquet") == rows


def test_the_file_has_the_columns_that_others_rely_on(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.parquet", [GOOD])
    schema = pq.read_schema(tmp_path / "rows.parquet")
    assert schema.types == [pa.list_(pa.int32()), pa.list_(pa.bool_()), pa.float64()]
    assert schema.names == ["ids", "mask", "weight"]


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (TrainRow([1, 2], [False, False], 1.0), "row 1: no token carries loss"),
        (TrainRow([1, 2], [True, True], 1.0), "row 1: the first token carries loss"),
        (TrainRow([], [], 1.0), "row 1: no token carries loss"),
        (TrainRow([1, 2], [False, True, True], 1.0), "row 1: ids and mask differ in length"),
        (TrainRow([1, -2], [False, True], 1.0), "row 1: negative token id -2"),
        (TrainRow([1, 2], [False, True], math.nan), "row 1: weight nan"),
        (TrainRow([1, 2], [False, True], -1.0), "row 1: weight -1.0"),
    ],
)
def test_a_row_that_cannot_be_trained_on_is_named(tmp_path: Path, bad: TrainRow, complaint: str) -> None:
    write_rows(tmp_path / "rows.parquet", [GOOD, bad, GOOD])
    with pytest.raises(UserError, match=complaint) as error:
        load_rows(tmp_path / "rows.parquet")
    assert "rows.parquet" in str(error.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.parquet", [])
    with pytest.raises(UserError, match="nothing to train on"):
        load_rows(tmp_path / "rows.parquet")


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_rows(tmp_path / "rows.parquet")
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "rows.parquet")
    with pytest.raises(UserError, match="has text string"):
        load_rows(tmp_path / "rows.parquet")

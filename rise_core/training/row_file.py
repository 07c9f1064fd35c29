"""Training rows on disk: a Parquet file with columns ids list<int32>, mask list<bool>, weight double."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rise_core.errors import UserError
from rise_core.records import Example, TrainRow
from rise_core.streams import batched
from rise_core.text import first_line
from rise_core.training.arrays import Rows

_BATCH = 4096  # rows held as Python objects at a time
_SCHEMA = pa.schema([("ids", pa.list_(pa.int32())), ("mask", pa.list_(pa.bool_())), ("weight", pa.float64())])


def example_rows(examples: Iterable[Example], weights: Iterable[float]) -> Iterator[TrainRow]:
    """Turn examples into token sequences; the response and its end-of-turn token carry the loss."""
    for example, weight in zip(examples, weights, strict=True):
        mask = [False] * len(example.state_ids) + [True] * len(example.response_ids)
        yield TrainRow([*example.state_ids, *example.response_ids], mask, weight)


def write_rows(path: str | Path, rows: Iterable[TrainRow]) -> None:
    """Write rows to a Parquet file in order, batch by batch. Create the folder where missing."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, _SCHEMA) as file:
        for batch in batched(rows, _BATCH):
            columns = {
                "ids": [row.ids for row in batch],
                "mask": [row.mask for row in batch],
                "weight": [row.weight for row in batch],
            }
            file.write_table(pa.table(columns, schema=_SCHEMA))


def load_rows(path: str | Path) -> Rows:
    """Load a file of training rows as arrays.

    Raises:
        UserError: The file cannot be read or trained on; the message names the file and the row.
    """
    table = _read_table(path)
    ids, mask = (table[name].combine_chunks() for name in ("ids", "mask"))
    starts = _offsets(ids)
    if not np.array_equal(starts, _offsets(mask)):
        row = int(np.flatnonzero(starts[1:] != _offsets(mask)[1:])[0])
        raise UserError(f"training rows {path}, row {row}: ids and mask differ in length")
    rows = Rows(
        ids=ids.flatten().to_numpy().astype(np.int64),
        mask=mask.flatten().to_numpy(zero_copy_only=False).astype(np.bool_),
        starts=starts,
        weights=table["weight"].to_numpy(),
    )
    _check_rows(rows, path)
    return rows


def _read_table(path: str | Path) -> pa.Table:
    """Read the file; raise UserError for a foreign, empty or incomplete one."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"training rows {path} cannot be read: {first_line(error)}") from error
    if not table.schema.equals(_SCHEMA):
        columns = ", ".join(f"{field.name} {field.type}" for field in table.schema)
        raise UserError(
            f"training rows {path} must have columns ids list<int32>, mask list<bool>, weight; has {columns}"
        )
    if table.num_rows == 0:
        raise UserError(f"training rows {path} is empty: no example was selected, so there is nothing to train on")
    if any(table[name].null_count for name in _SCHEMA.names):
        raise UserError(f"training rows {path} has empty cells; every row needs ids, mask and weight")
    return table


def _offsets(column: Any) -> NDArray[np.int64]:
    """Return the start of each list of a column in the flat values, and the end of the last [N + 1]."""
    lengths = column.value_lengths().to_numpy().astype(np.int64)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def _check_rows(rows: Rows, path: str | Path) -> None:
    """Raise UserError for a row without loss, with loss on the first token, or with a useless weight."""
    for index in range(len(rows)):
        ids, mask = rows.row(index)
        if not mask.any():
            raise UserError(f"training rows {path}, row {index}: no token carries loss")
        if mask[0]:
            raise UserError(f"training rows {path}, row {index}: the first token carries loss but nothing predicts it")
        if ids.min() < 0:
            raise UserError(f"training rows {path}, row {index}: negative token id {ids.min()}")
        if not (math.isfinite(rows.weights[index]) and rows.weights[index] >= 0):
            raise UserError(f"training rows {path}, row {index}: weight {rows.weights[index]} must be finite and >= 0")

"""Records to Arrow columns and back, column by column: stages write and read thousands of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any, TypeVar

import pyarrow as pa

R = TypeVar("R")
TOKENS = pa.list_(pa.int32())
MOMENT = pa.timestamp("us", tz="UTC")


def table_of(schema: pa.Schema, rows: Sequence[Any]) -> pa.Table:
    """Rows (objects with an attribute for every column) as a table."""
    return pa.table([pa.array([getattr(row, f.name) for row in rows], f.type) for f in schema], schema=schema)


def records_of(build: Callable[..., R], names: Iterable[str], table: pa.Table) -> list[R]:
    """One `build(*values)` a row, with the values of the columns `names`."""
    return [build(*values) for values in zip(*(python_column(table[name]) for name in names), strict=True)]


def field_names(record: type) -> list[str]:
    return [f.name for f in fields(record)]


def python_column(column: pa.ChunkedArray) -> list[Any]:
    """A column as Python values; lists of integers go through one flat buffer, many times faster than row by row."""
    if not (pa.types.is_list(column.type) and pa.types.is_integer(column.type.value_type)) or column.null_count:
        return list(column.to_pylist())
    lists = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    flat, ends = lists.flatten().to_numpy().tolist(), lists.offsets.to_numpy()
    starts = (ends - ends[0]).tolist() if len(ends) else [0]
    return [flat[start:end] for start, end in pairwise(starts)]

"""Convert records to Arrow and back, by column: stages handle thousands of rows at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any, TypeVar

import pyarrow as pa

from storage.columns import Column
from storage.schema import Table

_R = TypeVar("_R")


def to_arrow(table: Table, records: Sequence[Any], **values: object) -> pa.Table:
    """Convert records to rows of a table of the lake.

    Args:
        records: Objects with an attribute for each column absent from `values`.
        values: By column name: a value for all rows, or a range with a number for each row.
    """
    return pa.table([_to_column(column, records, values) for column in table.columns], schema=table.arrow_schema())


def to_columns(schema: pa.Schema, records: Sequence[Any]) -> pa.Table:
    """Convert records to a table of the attributes named in `schema`."""
    return pa.table([pa.array([getattr(record, f.name) for record in records], f.type) for f in schema], schema=schema)


def from_arrow(build: Callable[..., _R], names: Iterable[str], rows: pa.Table) -> list[_R]:
    """Call `build` for each row with the values of columns `names`, and return the results."""
    return [build(*values) for values in zip(*(python_column(rows[name]) for name in names), strict=True)]


def field_names(record: type) -> list[str]:
    """Return the field names of a dataclass in order."""
    return [field.name for field in fields(record)]


def python_column(column: pa.ChunkedArray) -> list[Any]:
    """Convert a column to Python values."""
    # Lists of integers, the bulk of a row, go through a flat buffer: many times faster than row by row.
    if not (pa.types.is_list(column.type) and pa.types.is_integer(column.type.value_type)) or column.null_count:
        return list(column.to_pylist())
    lists = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    flat, ends = lists.flatten().to_numpy().tolist(), lists.offsets.to_numpy()
    starts = (ends - ends[0]).tolist() if len(ends) else [0]
    return [flat[start:end] for start, end in pairwise(starts)]


def _to_column(column: Column, records: Sequence[Any], known: Mapping[str, object]) -> pa.Array:
    value = known.get(column.name)
    if isinstance(value, range):
        return pa.array(value, column.type.arrow)
    if column.name in known:
        return pa.repeat(pa.scalar(value, column.type.arrow), len(records))
    values = [getattr(record, column.name) for record in records]
    return pa.array([json.dumps(value) for value in values] if column.type.is_json else values, column.type.arrow)

"""Rows of a problem file: JSON lines or Parquet, one at a time, each with the row number a user can look up."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rise.core.errors import UserError
from rise.core.text import first_line

Row = tuple[int, dict[str, Any]]  # the row's number from 1 (JSON lines: the line in the file) and its columns


def read_rows(path: Path, key: str) -> Iterator[Row]:
    """The rows of `path`, which config key `key` names; blank lines are skipped but counted.

    Raises UserError naming the file, and the row where one is to blame.
    """
    if not os.path.isfile(path):  # unlike Path.is_file, also False for a name that no file can have
        raise UserError(
            f"{key}: {path} {'is not a file' if os.path.exists(path) else 'does not exist'}; name a problem file"
        )
    rows = parquet_rows(path) if path.suffix == ".parquet" else json_rows(path)
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise UserError(f"{key}: {path} holds no problem; it needs one JSON object a line (or Parquet rows)")


def json_rows(path: Path) -> Iterator[Row]:
    # Bytes, not text: a row that is not UTF-8 must be named, and only "\n" may end a row (JSON may hold U+2028).
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            stripped = line.removeprefix(b"\xef\xbb\xbf").strip()
            if stripped:
                yield number, parse_json_row(stripped, f"{path} row {number}")


def parse_json_row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is not valid UTF-8 (byte {error.start + 1}: {error.reason})") from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{where} is not valid JSON ({' '.join(str(error).split())}); one JSON object a line"
        ) from error
    if not isinstance(row, dict):
        raise UserError(f"{where} is not a JSON object but {describe(row)}; one JSON object a line")
    return row


def parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        number = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path} cannot be read as Parquet: {first_line(error)}") from error


def describe(value: object) -> str:
    """A value's kind in JSON's words, for error messages."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)

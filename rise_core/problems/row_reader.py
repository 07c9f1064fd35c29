"""Reads numbered rows of a problem file (JSON lines or Parquet), one at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rise_core.errors import UserError
from rise_core.text import error_line, first_line

Row = tuple[int, dict[str, Any]]  # number of the row, from 1 (JSON lines: of the line in the file), and columns by name


def read_rows(path: Path, key: str) -> Iterator[Row]:
    """Yield the rows of a file. Blank lines are skipped but counted.

    Args:
        path: A Parquet file (by its suffix), or any other name for JSON lines.
        key: The config key with the path, for error messages.

    Raises:
        UserError: The file is missing, empty or damaged; the message names the file, and the row if one is at fault.
    """
    if not os.path.isfile(path):  # unlike Path.is_file, also False for an impossible file name
        raise UserError(
            f"{key}: {path} {'is not a file' if os.path.exists(path) else 'does not exist'}; name a problem file"
        )
    empty = True
    for row in _parquet_rows(path) if path.suffix == ".parquet" else _json_rows(path):
        empty = False
        yield row
    if empty:
        raise UserError(f"{key}: {path} holds no problem; it needs one JSON object a line (or Parquet rows)")


def kind_of(value: object) -> str:
    """Name the type of a value in the words of JSON, for error messages."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def _json_rows(path: Path) -> Iterator[Row]:
    # Bytes, not text: an error must name the row of bad UTF-8, and only "\n" ends a row (JSON may hold U+2028).
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            stripped = line.removeprefix(b"\xef\xbb\xbf").strip()
            if stripped:
                yield number, _parse_json_row(stripped, f"{path} row {number}")


def _parse_json_row(line: bytes, location: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UserError(f"{location} is not valid UTF-8 (byte {error.start + 1}: {error.reason})") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{location} is not valid JSON ({error_line(error)}); one JSON object a line") from error
    if not isinstance(row, dict):
        raise UserError(f"{location} is not a JSON object but {kind_of(row)}; one JSON object a line")
    return row


def _parquet_rows(path: Path) -> Iterator[Row]:
    # Imported here: pyarrow takes a moment to import, and JSON lines do without.
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

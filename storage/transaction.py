"""A transaction of the lake: several writes become one snapshot, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Any

import duckdb
import pyarrow as pa


class Transaction:
    """Writes of one commit; all become visible together or not at all."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def append(self, table: str, rows: pa.Table) -> None:
        """Append rows; columns are matched by name, absent ones become null."""
        self._connection.register("rows_to_append", rows)
        try:
            self._connection.execute(f"INSERT INTO lake.main.{table} BY NAME SELECT * FROM rows_to_append")  # noqa: S608
        finally:
            self._connection.unregister("rows_to_append")

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement.

        Returns:
            The rows; for an UPDATE or DELETE, the number of rows changed, as one row.
        """
        rows: list[tuple[Any, ...]] = self._connection.execute(sql, list(params)).fetchall()
        return rows


def commit_once(cursor: duckdb.DuckDBPyConnection, write: Callable[[Transaction], object], message: str) -> int:
    """Run `write` in a transaction, commit with `message`, and close the cursor.

    Returns:
        The snapshot's version.
    """
    with closing(cursor):
        cursor.execute("USE lake")
        cursor.execute("BEGIN")
        try:
            # Key look-up and append share the transaction: a second writer of a key finds the rows of the first.
            write(Transaction(cursor))
            cursor.execute("CALL lake.set_commit_message('rise', ?)", [message])
            cursor.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.TransactionException):  # a COMMIT that failed has rolled back already
                cursor.execute("ROLLBACK")
            raise
        return int(cursor.execute("SELECT id FROM lake.current_snapshot()").fetchall()[0][0])

"""SQL from users: one SELECT on the lake, read-only and locked in.

    table = run_query(LakeLocation.from_home(home), "SELECT * FROM leaderboard")

The session can read the lake and nothing else: no other file, no network, no setting, no write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa

from rise_core.errors import UserError
from storage.lake import Lake, first_line
from storage.location import LakeLocation

# DuckDB's file lock-down does not reach functions of extensions (sqlite_scan opens any SQLite file), and its set of
# functions grows: only those that cannot leave the lake are let in.
TABLE_FUNCTIONS = {
    *("unnest", "range", "generate_series", "json_each", "json_tree", "repeat", "generate_subscripts"),
    *("snapshots", "current_snapshot", "table_changes", "table_insertions", "table_deletions", "table_info"),
    *("ducklake_snapshots", "ducklake_table_changes", "ducklake_table_insertions", "ducklake_table_deletions"),
    *("duckdb_tables", "duckdb_views", "duckdb_columns", "duckdb_functions", "pragma_table_info"),
}


def run_query(location: LakeLocation, sql: str, version: int | None = None) -> pa.Table:
    """The result of one SELECT (or DESCRIBE, SUMMARIZE, SHOW TABLES), at a snapshot where `version` is given.

    Raises UserError, one line, for wrong SQL, a missing lake or version, and whatever is not allowed.
    """
    try:
        check(sql)
        with Lake(location, read_only=True, version=version) as lake:
            lake.lock_down()
            return lake.query(sql)
    except duckdb.Error as error:
        raise UserError(first_line(error)) from error


def check(sql: str) -> None:
    """Refuse everything but one statement that only reads the lake."""
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        found = " + ".join(statement.type.name for statement in statements) or "nothing"
        raise UserError(f"a query is one SELECT, DESCRIBE, SUMMARIZE or SHOW TABLES, and only reads; this is {found}")
    with duckdb.connect() as session:
        ((serialised,),) = session.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    tree = json.loads(serialised)
    if tree["error"]:
        raise UserError(f"this query cannot be checked: {tree['error_message']}")
    refused = sorted(set(table_functions(tree)) - TABLE_FUNCTIONS)
    if refused:
        raise UserError(f"a query may not call {refused[0]}(): it reads the lake's tables and views only")


def table_functions(node: Any) -> Iterator[str]:
    """Names of the functions that stand where a table may stand, anywhere in a serialised statement."""
    if isinstance(node, dict):
        if node.get("type") == "TABLE_FUNCTION":
            yield node["function"]["function_name"].lower()
        for value in node.values():
            yield from table_functions(value)
    elif isinstance(node, list):
        for value in node:
            yield from table_functions(value)

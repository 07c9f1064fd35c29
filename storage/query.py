"""SQL from users: one SELECT on the lake, read-only and locked in.

    table = run_query(LakeLocation.from_home(home), "SELECT * FROM leaderboard")

The session can read the lake and nothing else: no other file, no network, no setting, no write. DuckDB is locked down
(rise.storage.location.lock_down), and what the lock-down does not reach is refused by name before the statement runs.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import duckdb
import pyarrow as pa

from rise.core.errors import UserError
from rise.core.text import first_line
from rise.storage.lake import Lake
from rise.storage.location import LakeLocation

# DuckDB's file lock-down does not reach functions of extensions (sqlite_scan opens any SQLite file), and its set of
# functions grows: only those that cannot leave the lake are let in.
TABLE_FUNCTIONS = {
    *("unnest", "range", "generate_series", "json_each", "json_tree", "repeat", "generate_subscripts"),
    *("snapshots", "current_snapshot", "table_changes", "table_insertions", "table_deletions", "table_info"),
    *("ducklake_snapshots", "ducklake_table_changes", "ducklake_table_insertions", "ducklake_table_deletions"),
    *("duckdb_tables", "duckdb_views", "duckdb_columns", "duckdb_functions", "pragma_table_info"),
}
# Settings and paths may hold a server's password or an object store's key.
REFUSED_FUNCTIONS = {"current_setting", "getvariable", "getenv", "write_log", "nextval", "sleep_ms"}
# Of DuckDB's own views those that describe tables; the others tell settings, paths and secrets.
OWN_VIEWS = {"duckdb_columns", "duckdb_tables", "duckdb_views", "sqlite_master"}
OWN = "SELECT view_name FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'"
METADATA = "__ducklake_metadata"  # the catalog's own database, which may hold more than the lake


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
    except UnicodeDecodeError as error:  # DuckDB cuts its message off in the middle of a character
        raise UserError("the query is not correct SQL, and DuckDB cannot say where") from error


def check(sql: str) -> None:
    """Refuse everything but one statement that only reads the lake."""
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise UserError("the query is no UTF-8 text") from error
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        found = " + ".join(statement.type.name for statement in statements) or "nothing"
        raise UserError(f"a query is one SELECT, DESCRIBE, SUMMARIZE or SHOW TABLES, and only reads; this is {found}")
    with duckdb.connect() as session:
        ((serialised,),) = session.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
        own = {str(name) for (name,) in session.execute(OWN).fetchall()} - OWN_VIEWS
    try:
        tree = json.loads(serialised)
    except RecursionError as error:
        raise UserError("this query is nested too deeply to be checked") from error
    if tree["error"]:
        raise UserError(f"this query cannot be checked: {tree['error_message']}")
    for node in nodes(tree):
        check_function(node)
        check_table(node, own)


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a serialised statement."""
    left = [tree]
    while left:  # no recursion: statements nest deeper than Python's stack
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left += node.values()
        elif isinstance(node, list):
            left += node


def check_function(node: dict[str, Any]) -> None:
    if node.get("type") == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", node["function"].get("type"))).lower()
        refused = name not in TABLE_FUNCTIONS
    else:
        name = str(node.get("function_name", "")).lower()
        refused = name in REFUSED_FUNCTIONS
    if refused:
        raise UserError(f"a query may not call {name}(): it reads the lake's tables and views only")


def check_table(node: dict[str, Any], own: Collection[str]) -> None:
    """Refuse what may stand for a table and is none of the lake's: a file's path, DuckDB's settings, the catalog."""
    name = str(node.get("table_name", "")).lower()
    places = (str(node.get(key, "")).lower() for key in ("catalog_name", "schema_name"))
    is_file = any(sign in name for sign in "/\\.:*?")
    if is_file or name in own or any(place.startswith(METADATA) for place in places):
        raise UserError(f"a query may not read {name!r}: it reads the lake's tables and views only")

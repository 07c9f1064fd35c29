"""The guard in front of SQL from users.

Threat model: the author of a statement may be hostile and must read nothing but the lake's tables and views, change
nothing, and learn no setting, path, secret or environment variable of the process. The lock-down of the session
(storage.session) closes files, network and settings; this module refuses the remaining ways by name, before
the statement runs.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import duckdb

from rise_core.errors import UserError

# A list of allowed names, since DuckDB's functions grow in number and functions of extensions escape the lock-down
# (sqlite_scan opens any SQLite file).
_TABLE_FUNCTIONS = {
    *("unnest", "range", "generate_series", "json_each", "json_tree", "repeat", "generate_subscripts"),
    *("snapshots", "current_snapshot", "table_changes", "table_insertions", "table_deletions", "table_info"),
    *("ducklake_snapshots", "ducklake_table_changes", "ducklake_table_insertions", "ducklake_table_deletions"),
    *("duckdb_tables", "duckdb_views", "duckdb_columns", "duckdb_functions", "pragma_table_info"),
}
# Settings and paths may hold a server's password or an object store's key.
_REFUSED_FUNCTIONS = {"current_setting", "getvariable", "getenv", "write_log", "nextval", "sleep_ms"}
# DuckDB's own views about tables; its other views tell settings, paths and secrets.
_ALLOWED_VIEWS = {"duckdb_columns", "duckdb_tables", "duckdb_views", "sqlite_master"}
_DUCKDB_VIEWS = "SELECT view_name FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'"
_METADATA = "__ducklake_metadata"  # the catalog's own database, which may hold more than the lake


def check_query(sql: str) -> None:
    """Check `sql`: a single statement, and only reads of the lake.

    Raises:
        UserError: The statement is refused; the message is one line.
        duckdb.Error: The statement is not correct SQL.
    """
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise UserError("the query is no UTF-8 text") from error
    # The kind of statement first: only a SELECT can be serialised.
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = " + ".join(statement.type.name for statement in statements) or "nothing"
        raise UserError(f"a query is one SELECT, DESCRIBE, SUMMARIZE or SHOW TABLES, and only reads; this is {kinds}")
    # A session without the lake: the statement is parsed here, not run.
    with duckdb.connect() as session:
        ((serialised,),) = session.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
        refused_views = {str(name) for (name,) in session.execute(_DUCKDB_VIEWS).fetchall()} - _ALLOWED_VIEWS
    try:
        tree = json.loads(serialised)
    except RecursionError as error:
        raise UserError("this query is nested too deeply to be checked") from error
    if tree["error"]:
        raise UserError(f"this query cannot be checked: {tree['error_message']}")
    for node in _nodes(tree):
        _check_function(node)
        _check_table(node, refused_views)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a serialised statement."""
    remaining = [tree]
    while remaining:  # no recursion: statements nest deeper than Python's stack
        node = remaining.pop()
        if isinstance(node, dict):
            yield node
            remaining += node.values()
        elif isinstance(node, list):
            remaining += node


def _check_function(node: dict[str, Any]) -> None:
    """Refuse table functions able to leave the lake, and functions that tell settings or act."""
    if node.get("type") == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", node["function"].get("type"))).lower()
        refused = name not in _TABLE_FUNCTIONS
    else:
        name = str(node.get("function_name", "")).lower()
        refused = name in _REFUSED_FUNCTIONS
    if refused:
        raise UserError(f"a query may not call {name}(): it reads the lake's tables and views only")


def _check_table(node: dict[str, Any], refused_views: Collection[str]) -> None:
    """Refuse a file, a view of DuckDB's own, and the catalog's database as a table."""
    name = str(node.get("table_name", "")).lower()
    databases = (str(node.get(key, "")).lower() for key in ("catalog_name", "schema_name"))
    # DuckDB reads a table name with such a sign as a file's path.
    is_file = any(sign in name for sign in "/\\.:*?")
    if is_file or name in refused_views or any(database.startswith(_METADATA) for database in databases):
        raise UserError(f"a query may not read {name!r}: it reads the lake's tables and views only")

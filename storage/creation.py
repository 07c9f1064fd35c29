"""Create the tables and views of a lake, or add the missing ones."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from rise_core.errors import UserError
from storage.location import LakeLocation
from storage.schema import SCHEMA_VERSION, TABLES
from storage.views import VIEWS

VERSIONS = "`SELECT * FROM snapshots()` lists the versions"
_RELATIONS = (
    "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'"
    " UNION ALL SELECT view_name FROM duckdb_views() WHERE database_name = 'lake'"
)
_OPTIONS = (
    # Small commits become Parquet files like all others, not rows inside the catalog.
    "CALL lake.set_option('data_inlining_row_limit', 0)",
    # Half the bytes of the default (snappy) for text and token ids, at the same speed: benchmarks/lake.py.
    "CALL lake.set_option('parquet_compression', 'zstd')",
    # 1/6 of DuckDB's default: smaller write buffers, and reading one shard touches fewer rows.
    "CALL lake.set_option('parquet_row_group_size', 20480)",
)


def prepare(
    session: duckdb.DuckDBPyConnection, location: LakeLocation, *, read_only: bool, version: int | None
) -> None:
    """Create the schema in an empty lake; check and complete the schema of another.

    Args:
        session: A session with the lake attached as `lake`.
        version: Snapshot of a pinned session.

    Raises:
        UserError: The lake is empty and cannot be written, or has another schema version.
    """
    # Tables are created in one snapshot: a creation cut short leaves none of them.
    if "rise_schema" not in _present(session):
        if version is not None:
            raise UserError(f"version {version} is older than the lake's tables: {VERSIONS}")
        if read_only:
            raise UserError(f"the lake {location.catalog} has no tables yet: start with `rise run PROFILE`")
        for statement in creation_sql():
            session.execute(statement)
    ((written,),) = session.execute("SELECT max(version) FROM lake.main.rise_schema").fetchall()
    if written != SCHEMA_VERSION:
        remedy = "update rise" if written and written > SCHEMA_VERSION else "use the rise that wrote it"
        raise UserError(
            f"the lake {location.catalog} has schema version {written}, this rise reads {SCHEMA_VERSION}: {remedy}"
        )
    if not read_only:
        for statement in _additions(_present(session)):
            session.execute(statement)


def creation_sql() -> list[str]:
    """Statements for an empty lake: all tables and views as one snapshot."""
    return [
        *_OPTIONS,
        # CREATE VIEW resolves bare table names in the current database.
        "USE lake",
        "BEGIN",
        *(table.create_sql for table in TABLES.values()),
        *(
            f"ALTER TABLE lake.main.{table.name} SET PARTITIONED BY ({', '.join(table.partitions)})"
            for table in TABLES.values()
            if table.partitions
        ),
        f"INSERT INTO lake.main.rise_schema VALUES ({SCHEMA_VERSION})",  # noqa: S608
        *(view.create_sql for view in VIEWS.values()),
        "CALL lake.set_commit_message('rise', 'create the lake')",
        "COMMIT",
        "USE memory",
    ]


def _additions(present: Collection[str]) -> list[str]:
    """Statements to add missing tables and views to an older lake, as one snapshot.

    Args:
        present: Names of the tables and views in the lake.

    Returns:
        No statement if nothing is missing.
    """
    missing = [table.create_sql for table in TABLES.values() if table.name not in present]
    missing += [view.create_sql for view in VIEWS.values() if view.name not in present]
    if not missing:
        return []
    message = "CALL lake.set_commit_message('rise', 'add what is new in this version of rise')"
    return ["USE lake", "BEGIN", *missing, message, "COMMIT", "USE memory"]


def _present(session: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the names of the lake's tables and views."""
    return {name for (name,) in session.execute(_RELATIONS).fetchall()}

"""DuckDB sessions with a lake attached, and the SQL to attach a lake elsewhere."""

from __future__ import annotations

import duckdb

from storage.extensions import extension_file
from storage.location import LakeLocation, is_url

_BUSY_TIMEOUT_MS = 10_000
# A session that writes lives as long as a run. Each DuckDB thread buffers rows of a file, half a million by default:
# with one thread and small buffers commits take as long, with far less memory (benchmarks/driver_memory.py).
_WRITING = ("SET GLOBAL threads = 1", "SET GLOBAL partitioned_write_flush_threshold = 20480")
_UNCACHED = "SET GLOBAL enable_external_file_cache = false"  # the system caches local files already


def session_sql(location: LakeLocation, version: int | None = None) -> list[str]:
    """Return the statements to attach the lake, offline, to any DuckDB of the same version."""
    return [*_load_statements(location), _attach_statement(location, version=version), "USE lake"]


def open_session(location: LakeLocation, *, read_only: bool, version: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB with the lake attached as `lake`; times are UTC.

    Args:
        version: Snapshot for all tables and views; None for the newest.
    """
    # No download at run time: extensions come from installed packages.
    config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    session = duckdb.connect(":memory:", config=config)
    try:
        session.execute("SET GLOBAL TimeZone = 'UTC'")
        # A name in a query never means a Python variable.
        session.execute("SET python_enable_replacements = false")
        for statement in _load_statements(location):
            session.execute(statement)
        session.execute(_attach_statement(location, read_only=read_only, version=version))
        if not read_only:
            for statement in (*_WRITING, *([] if is_url(location.data) else [_UNCACHED])):
                session.execute(statement)
    except BaseException:
        session.close()
        raise
    return session


def lock_down(session: duckdb.DuckDBPyConnection, location: LakeLocation) -> None:
    """Confine a session to the lake's data files; the confinement cannot be undone."""
    session.execute("SET temp_directory = ''")  # a large query fails rather than fill the current folder
    session.execute(f"SET allowed_directories = [{_quote(location.data_prefix)}]")
    session.execute("SET enable_external_access = false")
    session.execute("SET lock_configuration = true")


def _load_statements(location: LakeLocation) -> list[str]:
    return [f"LOAD {_quote(str(extension_file(name)))}" for name in location.extensions()]


def _attach_statement(location: LakeLocation, *, read_only: bool = True, version: int | None = None) -> str:
    # The catalog stores the absolute data folder of its creation; the override lets a home folder be moved.
    options = [f"DATA_PATH {_quote(location.data_prefix)}", "OVERRIDE_DATA_PATH true"]
    if location.catalog_file:
        options.append(f"META_BUSY_TIMEOUT {_BUSY_TIMEOUT_MS}")
    if read_only:
        options.append("READ_ONLY")
    else:
        # Write-ahead logging: readers never block the writer, and a reader can open the catalog after a crash.
        options += ["META_JOURNAL_MODE 'WAL'"] if location.catalog_file else []
    if version is not None:
        options.append(f"SNAPSHOT_VERSION {version}")
    return f"ATTACH {_quote('ducklake:' + location.catalog)} AS lake ({', '.join(options)})"


def _quote(text: str) -> str:
    """Return `text` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"

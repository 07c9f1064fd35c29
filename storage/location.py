"""Where a lake lives (its catalog and its Parquet files), and the SQL that attaches it to any DuckDB session."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from rise.core.errors import UserError
from rise.storage.extensions import extension_file

BUSY_TIMEOUT_MS = 10_000
# Settings of a session that writes, which lives as long as a run. Each of DuckDB's threads holds rows until they make a
# file, by default half a million: with one thread commits take as long, and far less memory (benchmarks/driver_memory).
WRITING = ("SET GLOBAL threads = 1", "SET GLOBAL partitioned_write_flush_threshold = 20480")
UNCACHED = "SET GLOBAL enable_external_file_cache = false"  # the system keeps local files in memory already
SECRET = re.compile(r"password\s*=|://[^/@\s]*:[^/@\s]*@|[?&][^=\s]*(key|secret|token)[^=\s]*=", re.IGNORECASE)


@dataclass(frozen=True)
class LakeLocation:
    """The two URLs of a lake.

    `catalog`: `sqlite:<file>` or `postgres:<connection string>`. `data`: a folder or an object-store prefix (`s3://...`).
    """

    catalog: str
    data: str

    @classmethod
    def from_home(cls, home: Path) -> LakeLocation:
        """The lake in a home folder; RISE_LAKE_CATALOG and RISE_LAKE_DATA override the two URLs."""
        folder = Path(home).resolve() / "lake"
        catalog = os.environ.get("RISE_LAKE_CATALOG") or f"sqlite:{folder / 'catalog.sqlite'}"
        data = os.environ.get("RISE_LAKE_DATA") or str(folder / "data")
        for variable, url in (("RISE_LAKE_CATALOG", catalog), ("RISE_LAKE_DATA", data)):
            if SECRET.search(url):
                raise UserError(
                    f"{variable} holds a password or key, which `rise attach` and error messages would show: put it "
                    "into PGPASSWORD or ~/.pgpass (catalog), AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (data)"
                )
        if not catalog.startswith(("sqlite:", "postgres:")):
            raise UserError(f"RISE_LAKE_CATALOG is {catalog!r}: it must start with sqlite: or postgres:")
        if catalog.startswith("sqlite:"):
            catalog = f"sqlite:{Path(catalog.removeprefix('sqlite:')).resolve()}"
        return cls(catalog, data if is_url(data) else str(Path(data).resolve()))

    @property
    def catalog_file(self) -> Path | None:
        """The SQLite catalog's file; None for a catalog server."""
        return Path(self.catalog.removeprefix("sqlite:")) if self.catalog.startswith("sqlite:") else None

    @property
    def data_prefix(self) -> str:
        """The data folder with one slash at its end, as DuckLake stores it."""
        return self.data.rstrip("/") + "/"

    def extensions(self) -> list[str]:
        """DuckDB extensions this lake needs, in loading order."""
        catalog = "sqlite_scanner" if self.catalog_file else "postgres_scanner"
        return [catalog, *(["httpfs"] if is_url(self.data) else []), "ducklake"]


def is_url(data: str) -> bool:
    return "://" in data


def quote(text: str) -> str:
    """`text` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def load_statements(location: LakeLocation) -> list[str]:
    """One LOAD for every extension that the lake needs."""
    return [f"LOAD {quote(str(extension_file(name)))}" for name in location.extensions()]


def attach_statement(location: LakeLocation, *, read_only: bool = True, version: int | None = None) -> str:
    """The ATTACH of the lake as database `lake`, pinned to a snapshot where `version` is given."""
    # The catalog remembers the absolute data folder of its creation; overriding it lets a home folder be moved.
    options = [f"DATA_PATH {quote(location.data_prefix)}", "OVERRIDE_DATA_PATH true"]
    if location.catalog_file:
        options.append(f"META_BUSY_TIMEOUT {BUSY_TIMEOUT_MS}")
    if read_only:
        options.append("READ_ONLY")
    else:
        # Write-ahead logging: readers never block the writer, and a reader can open the catalog after a crash.
        options += ["META_JOURNAL_MODE 'WAL'"] if location.catalog_file else []
    if version is not None:
        options.append(f"SNAPSHOT_VERSION {version}")
    return f"ATTACH {quote('ducklake:' + location.catalog)} AS lake ({', '.join(options)})"


def session_sql(location: LakeLocation, version: int | None = None) -> list[str]:
    """The exact statements after which any DuckDB of this version sees the tables and views by bare name, offline."""
    return [*load_statements(location), attach_statement(location, version=version), "USE lake"]


def open_session(location: LakeLocation, *, read_only: bool, version: int | None = None) -> duckdb.DuckDBPyConnection:
    """A fresh in-memory DuckDB with the lake attached as `lake`; times are UTC."""
    config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    session = duckdb.connect(":memory:", config=config)
    try:
        session.execute("SET GLOBAL TimeZone = 'UTC'")
        session.execute("SET python_enable_replacements = false")
        for statement in load_statements(location):
            session.execute(statement)
        session.execute(attach_statement(location, read_only=read_only, version=version))
        if not read_only:
            for statement in (*WRITING, *([] if is_url(location.data) else [UNCACHED])):
                session.execute(statement)
    except BaseException:
        session.close()
        raise
    return session


def lock_down(session: duckdb.DuckDBPyConnection, location: LakeLocation) -> None:
    """Leave a session the lake's data files and nothing else; cannot be undone."""
    session.execute("SET temp_directory = ''")  # a large query fails rather than fill the current folder
    session.execute(f"SET allowed_directories = [{quote(location.data_prefix)}]")
    session.execute("SET enable_external_access = false")
    session.execute("SET lock_configuration = true")

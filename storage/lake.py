"""The lake: one DuckLake with every table of every run. Each commit is one snapshot, all of it or nothing.

    lake = Lake(LakeLocation.from_home(home))
    version = lake.commit(lambda tx: tx.append("metrics", table), run="r1", iteration=1, stage="evaluate")
    lake.query("SELECT * FROM turn_accuracy WHERE run = ?", ["r1"])

Several threads and processes may read and commit at once. Commits to a SQLite catalog take turns on a lock file, which
the system frees when a process dies; other programs that hold the catalog are waited for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
from filelock import FileLock, Timeout
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from rise.core.errors import UserError
from rise.core.text import first_line
from rise.storage import sums
from rise.storage.location import LakeLocation, lock_down, open_session
from rise.storage.schema import SCHEMA_VERSION, additions, creation

__all__ = ["Lake", "LakeLocation", "Transaction"]

T = TypeVar("T")
VERSIONS = "`SELECT * FROM snapshots()` lists the versions"
PATIENCE = 60.0  # seconds to wait for a catalog that others hold


class Transaction:
    """What a commit's body writes with; its writes become visible together or not at all."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def append(self, table: str, rows: pa.Table) -> None:
        """Append rows; columns are matched by name, absent ones become null."""
        self.connection.register("rows_to_append", rows)
        try:
            self.connection.execute(f"INSERT INTO lake.main.{table} BY NAME SELECT * FROM rows_to_append")  # noqa: S608
        finally:
            self.connection.unregister("rows_to_append")

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows (for an UPDATE or DELETE: one row with the number of rows changed)."""
        rows: list[tuple[Any, ...]] = self.connection.execute(sql, list(params)).fetchall()
        return rows


class Lake:
    """An open lake. `version` (read-only) pins every table and view to that snapshot."""

    def __init__(self, location: LakeLocation, *, read_only: bool = False, version: int | None = None) -> None:
        self.location = location
        self.read_only = read_only or version is not None
        self._thread_lock = threading.Lock()
        self._lock_file: FileLock | None = None
        file = location.catalog_file
        if self.read_only:
            check_catalog(location)
        elif file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            Path(location.data).mkdir(parents=True, exist_ok=True)
            self._lock_file = FileLock(f"{file}.lock", timeout=PATIENCE, thread_local=False)
        self._session = self._open(version)
        if not self.read_only:
            self.add_sums()

    def _open(self, version: int | None) -> duckdb.DuckDBPyConnection:
        def attempt() -> duckdb.DuckDBPyConnection:
            with self._turn():
                session = open_session(self.location, read_only=self.read_only, version=version)
                try:
                    self._prepare(session, version)
                except BaseException:
                    session.close()
                    raise
                return session

        try:
            return patiently(self.location, attempt)
        except duckdb.Error as error:
            if version is not None and ("No snapshot found" in str(error) or version < 0):
                raise UserError(f"the lake has no version {version}: {VERSIONS}") from error
            raise UserError(f"the lake {self.location.catalog} cannot be opened: {first_line(error)}") from error

    def _prepare(self, session: duckdb.DuckDBPyConnection, version: int | None) -> None:
        """Create the schema in an empty lake, complete an older one; refuse a lake of another schema version."""
        found = session.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'lake' AND table_name = 'rise_schema'"
        ).fetchone()
        if found == (0,):
            if version is not None:
                raise UserError(f"version {version} is older than the lake's tables: {VERSIONS}")
            if self.read_only:
                raise UserError(f"the lake {self.location.catalog} has no tables yet: start with `rise run PROFILE`")
            for statement in creation():
                session.execute(statement)
        row = session.execute("SELECT max(version) FROM lake.main.rise_schema").fetchone()
        written = row[0] if row else None
        if written != SCHEMA_VERSION:
            raise UserError(
                f"the lake {self.location.catalog} has schema version {written}, this rise reads {SCHEMA_VERSION}: "
                f"{'update rise' if written and written > SCHEMA_VERSION else 'use the rise that wrote it'}"
            )
        if not self.read_only:
            names = session.execute(
                "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'"
                " UNION ALL SELECT view_name FROM duckdb_views() WHERE database_name = 'lake'"
            ).fetchall()
            for statement in additions([name for (name,) in names]):
                session.execute(statement)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """This thread's turn to write."""
        with self._thread_lock, self._lock_file or nullcontext():
            yield

    def commit(self, write: Callable[[Transaction], T], *, run: str, iteration: int, stage: str, note: str = "") -> int:
        """Run `write` in one transaction and commit it as one snapshot; returns that snapshot's version.

        `write` runs again when the catalog was busy, so it must do nothing but write. An exception in it rolls back.
        """
        message = f"run={run} iteration={iteration} stage={stage} {note}".rstrip()
        if self.read_only:
            raise ValueError("this lake was opened read-only")

        def attempt() -> int:
            with self._turn():
                return commit_once(self._session.cursor(), write, message)

        version = patiently(self.location, attempt)
        self.add_sums(version)
        return version

    def add_sums(self, version: int | None = None) -> None:
        """Write the sums (rise.storage.sums) of one version's files, or of all that have none."""

        def attempt() -> None:
            with self.alone() as cursor:
                sums.add(cursor, self.location, version)

        patiently(self.location, attempt)

    @contextmanager
    def alone(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A session of this lake while nobody else commits."""
        with self._turn(), closing(self._session.cursor()) as cursor:
            yield cursor

    def check_files(self, run: str) -> None:
        """Raises UserError that names a data file of the run's rows which is missing or damaged."""
        with closing(self._session.cursor()) as cursor:
            sums.check(cursor, self.location, run)

    def query(self, sql: str, params: Sequence[object] = (), **tables: pa.Table) -> pa.Table:
        """The result of a SELECT on a snapshot that no commit changes underneath; it may name `tables` beside the
        lake's. Thread-safe."""

        def attempt() -> pa.Table:
            with closing(self._session.cursor()) as cursor:
                cursor.execute("USE lake")
                for name, table in tables.items():
                    cursor.register(name, table)
                return cursor.execute(sql, list(params)).to_arrow_table()

        return patiently(self.location, attempt)

    def stream(self, sql: str, params: Sequence[object] = (), rows: int = 4096) -> Iterator[pa.RecordBatch]:
        """The same, `rows` at a time: for a result too large for memory."""

        def attempt() -> tuple[duckdb.DuckDBPyConnection, pa.RecordBatchReader]:
            cursor = self._session.cursor()
            try:
                cursor.execute("USE lake")
                return cursor, cursor.execute(sql, list(params)).to_arrow_reader(rows)
            except BaseException:
                cursor.close()
                raise

        cursor, reader = patiently(self.location, attempt)
        with closing(cursor):
            yield from reader

    def version(self) -> int:
        """The newest snapshot's version, or the pinned one."""
        return int(self.query("SELECT id FROM lake.current_snapshot()")["id"][0].as_py())

    def lock_down(self) -> None:
        """Confine this lake's queries to the lake: no other file, network, extension or setting."""
        lock_down(self._session, self.location)

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def commit_once(cursor: duckdb.DuckDBPyConnection, write: Callable[[Transaction], T], message: str) -> int:
    with closing(cursor):
        cursor.execute("USE lake")
        cursor.execute("BEGIN")
        try:
            write(Transaction(cursor))
            cursor.execute("CALL lake.set_commit_message('rise', ?)", [message])
            cursor.execute("COMMIT")
        except BaseException:
            # A COMMIT that failed has already rolled back.
            with suppress(duckdb.TransactionException):
                cursor.execute("ROLLBACK")
            raise
        return int(cursor.execute("SELECT id FROM lake.current_snapshot()").fetchall()[0][0])


def check_catalog(location: LakeLocation) -> None:
    file = location.catalog_file
    if file is not None and not file.is_file():
        raise UserError(f"no lake at {file}: start with `rise run PROFILE`, or name another home with --home")


def is_busy(error: BaseException) -> bool:
    """Whether the catalog was only held by someone else, or another commit came first."""
    text = str(error)
    words = ("database is locked", "database table is locked", "Transaction conflict", "Exceeded the maximum retry")
    return isinstance(error, Timeout) or (isinstance(error, duckdb.Error) and any(word in text for word in words))


def patiently(location: LakeLocation, attempt: Callable[[], T]) -> T:
    """Repeat `attempt` until the catalog is free; a UserError when others hold it for a minute."""

    def give_up(state: RetryCallState) -> T:
        error = state.outcome.exception() if state.outcome else None
        raise UserError(
            f"the lake {location.catalog} stayed busy for {PATIENCE:.0f} s ({first_line(error)}): "
            "close the program that holds it and resume"
        ) from error

    retrying = Retrying(
        retry=retry_if_exception(is_busy),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_delay(PATIENCE),
        retry_error_callback=give_up,
    )
    return retrying(attempt)

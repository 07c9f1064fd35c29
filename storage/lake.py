"""The lake: a DuckLake with every table of every run. Each commit is a snapshot, whole or not at all.

    lake = Lake(LakeLocation.from_home(home))
    version = lake.commit(lambda tx: tx.append("metrics", rows), run="r1", iteration=1, stage="evaluate")
    lake.query("SELECT * FROM turn_accuracy WHERE run = ?", ["r1"])

Several threads and processes may read and commit at once. Commits to a SQLite catalog take turns on a lock file; the
system frees the lock at the process's death. Commits wait for other programs with a hold on the catalog.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import duckdb
import pyarrow as pa
from filelock import FileLock

from rise_core.errors import UserError
from rise_core.text import first_line
from storage import checksums, creation, transaction
from storage.location import LakeLocation, check_catalog
from storage.patience import PATIENCE, patiently
from storage.session import lock_down, open_session
from storage.transaction import Transaction


class Lake:
    """An open lake.

    Args:
        read_only: Open without the right to commit; the lake must exist. Otherwise a missing lake is created.
        version: Snapshot for every table and view (implies `read_only`); None follows the newest.

    Raises:
        UserError: The lake does not exist, cannot be opened, or has another schema version.
    """

    def __init__(self, location: LakeLocation, *, read_only: bool = False, version: int | None = None) -> None:
        self.location = location
        self.read_only = read_only or version is not None
        # The file lock is per process; threads of this process need a lock of their own.
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
            # Sums of files committed right before a crash.
            self.add_checksums()

    def commit(
        self, write: Callable[[Transaction], object], *, run: str, iteration: int, stage: str, note: str = ""
    ) -> int:
        """Run `write` in a transaction and commit the result as one snapshot.

        Args:
            write: Writes, and does nothing else: a busy catalog makes `write` run again. An exception rolls back.
            run, iteration, stage, note: For the snapshot's message.

        Returns:
            The snapshot's version.
        """
        message = f"run={run} iteration={iteration} stage={stage} {note}".rstrip()
        if self.read_only:
            raise ValueError("this lake was opened read-only")

        def attempt() -> int:
            with self._turn():
                return transaction.commit_once(self._session.cursor(), write, message)

        version = patiently(self.location, attempt)
        # After the commit: only then are the files final. A crash in between is made good at the next opening.
        self.add_checksums(version)
        return version

    def query(self, sql: str, params: Sequence[object] = (), **tables: pa.Table) -> pa.Table:
        """Run a SELECT on one snapshot and return the rows. Thread-safe.

        Args:
            tables: Further tables for the query to name.
        """

        def attempt() -> pa.Table:
            # A cursor is a connection of its own: threads query side by side.
            with closing(self._session.cursor()) as cursor:
                cursor.execute("USE lake")
                for name, table in tables.items():
                    cursor.register(name, table)
                return cursor.execute(sql, list(params)).to_arrow_table()

        return patiently(self.location, attempt)

    def stream(self, sql: str, params: Sequence[object] = (), rows: int = 4096) -> Iterator[pa.RecordBatch]:
        """Run a SELECT on one snapshot and yield batches of `rows` rows. For results too large for memory."""

        def attempt() -> tuple[duckdb.DuckDBPyConnection, pa.RecordBatchReader]:
            cursor = self._session.cursor()
            try:
                cursor.execute("USE lake")
                return cursor, cursor.execute(sql, list(params)).to_arrow_reader(rows)
            except BaseException:
                cursor.close()
                raise

        cursor, reader = patiently(self.location, attempt)
        # The retry ends here: rows already yielded cannot be taken back.
        with closing(cursor):
            yield from reader

    def version(self) -> int:
        """Return the version of the newest, or of the pinned, snapshot."""
        return int(self.query("SELECT id FROM lake.current_snapshot()")["id"][0].as_py())

    @contextmanager
    def alone(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a cursor of the lake's session; no other thread or process commits meanwhile."""
        with self._turn(), closing(self._session.cursor()) as cursor:
            yield cursor

    def add_checksums(self, version: int | None = None) -> None:
        """Write the checksums of a snapshot's files, or every missing checksum."""

        def attempt() -> None:
            with self.alone() as cursor:
                checksums.add(cursor, self.location, version)

        patiently(self.location, attempt)

    def check_files(self, run: str) -> None:
        """Check the data files of a run's rows.

        Raises:
            UserError: A file is missing or damaged; the message names the file.
        """
        with closing(self._session.cursor()) as cursor:
            checksums.check(cursor, self.location, run)

    def lock_down(self) -> None:
        """Confine queries to the lake: no other file, network, extension or setting."""
        lock_down(self._session, self.location)

    def close(self) -> None:
        """Close the session."""
        self._session.close()

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the thread's turn to write."""
        with self._thread_lock, self._lock_file or nullcontext():
            yield

    def _open(self, version: int | None) -> duckdb.DuckDBPyConnection:
        def attempt() -> duckdb.DuckDBPyConnection:
            # Under the lock: of several processes that open a new lake, the first creates the tables.
            with self._turn():
                session = open_session(self.location, read_only=self.read_only, version=version)
                try:
                    creation.prepare(session, self.location, read_only=self.read_only, version=version)
                except BaseException:
                    session.close()
                    raise
                return session

        try:
            return patiently(self.location, attempt)
        except duckdb.Error as error:
            if version is not None and ("No snapshot found" in str(error) or version < 0):
                raise UserError(f"the lake has no version {version}: {creation.VERSIONS}") from error
            raise UserError(f"the lake {self.location.catalog} cannot be opened: {first_line(error)}") from error

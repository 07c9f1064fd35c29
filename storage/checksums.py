"""The sha256 of every data file of a lake on local disks.

Parquet files of DuckDB have no checksums: a flipped bit in a page reads as other text or another number. The sums
are in <data>/SHA256SUMS, a file for `sha256sum --check`. A file receives a sum right after the commit; after a crash
in between, at the next opening of the lake for writing. Object stores keep checksums of their own.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection
from pathlib import Path

import duckdb

from rise_core.atomic import atomic_file
from rise_core.errors import UserError
from storage.location import LakeLocation, is_url

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
# Data files and delete files from DuckLake's own tables, with the run of their rows; without one, several runs may
# have rows in the file.
_FILES = """
    SELECT f.begin_snapshot, f.end_snapshot, f.file_size_bytes, p.partition_value AS run,
        CASE WHEN NOT f.path_is_relative::BOOLEAN THEN f.path
            WHEN NOT t.path_is_relative::BOOLEAN THEN t.path || f.path ELSE s.path || t.path || f.path END AS path
    FROM (
        SELECT data_file_id, table_id, begin_snapshot, end_snapshot, file_size_bytes, path, path_is_relative
        FROM __ducklake_metadata_lake.ducklake_data_file
        UNION ALL
        SELECT data_file_id, table_id, begin_snapshot, end_snapshot, file_size_bytes, path, path_is_relative
        FROM __ducklake_metadata_lake.ducklake_delete_file
    ) AS f
    JOIN (SELECT DISTINCT table_id, schema_id, path, path_is_relative FROM __ducklake_metadata_lake.ducklake_table) AS t
        USING (table_id)
    JOIN (SELECT DISTINCT schema_id, path FROM __ducklake_metadata_lake.ducklake_schema) AS s USING (schema_id)
    LEFT JOIN __ducklake_metadata_lake.ducklake_file_partition_value AS p
        ON p.data_file_id = f.data_file_id AND p.partition_key_index = 0"""
_OF_RUN = (
    "SELECT path, file_size_bytes FROM files WHERE end_snapshot IS NULL AND (run = ? OR run IS NULL) ORDER BY path"
)


def add(session: duckdb.DuckDBPyConnection, location: LakeLocation, version: int | None = None) -> None:
    """Write missing sums.

    Args:
        session: A session with the lake attached, while no other process commits.
        version: Snapshot with files to sum; None for all files of the catalog.
    """
    file = _sums_file(location)
    if file is None:
        return
    # `begin_snapshot` is the version of the commit that added a file.
    where, params = ("", []) if version is None else (" WHERE begin_snapshot = ?", [version])
    committed = session.execute(f"WITH files AS ({_FILES}) SELECT path FROM files{where}", params).fetchall()  # noqa: S608
    known = _read(file) if version is None else {}
    paths = [path for (path,) in committed if path not in known and (file.parent / path).is_file()]
    if paths:
        lines = "".join(f"{file_hash(file.parent / path)}  {path}\n" for path in paths)
        # Appended, not rewritten: a line cut short by a crash is skipped by `_read` and written again.
        with file.open("ab") as sums:
            sums.write((b"\n" if _is_cut_short(file) else b"") + lines.encode())


def remove(location: LakeLocation, removed: Collection[str]) -> None:
    """Remove the sums of deleted files; `sha256sum --check` would fail for missing files.

    Args:
        removed: Absolute paths of the deleted files. No other process may commit meanwhile (`Lake.alone`).
    """
    file = _sums_file(location)
    if file is None or not removed:
        return
    kept = {path: digest for path, digest in _read(file).items() if str(file.parent / path) not in removed}
    with atomic_file(file) as part:
        part.write_text("".join(f"{digest}  {path}\n" for path, digest in kept.items()))


def check(session: duckdb.DuckDBPyConnection, location: LakeLocation, run: str) -> None:
    """Compare the files of a run's rows with their sizes and sums at commit.

    Raises:
        UserError: A file is missing or differs; the message names the first such file.
    """
    file = _sums_file(location)
    if file is None:
        return
    known = _read(file)
    for path, size in session.execute(f"WITH files AS ({_FILES}) {_OF_RUN}", [run]).fetchall():
        damage = _damage(file.parent / path, size, known.get(path))
        if damage:
            raise UserError(
                f"the lake's file {file.parent / path} {damage}, so run {run!r} cannot go on with it: put a copy of "
                "the file in its place, or begin a run of another name"
            )


def file_hash(path: Path) -> str:
    """Return the sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sums_file(location: LakeLocation) -> Path | None:
    """Return the path of the sums; None for data in an object store."""
    return None if is_url(location.data) else Path(location.data) / "SHA256SUMS"


def _read(file: Path) -> dict[str, str]:
    """Read the sums by path relative to the data folder. Of several lines for a path, the first counts."""
    lines = file.read_text().split("\n")[:-1] if file.exists() else []  # the last line may be cut short
    return {match[2]: match[1] for line in reversed(lines) if (match := _LINE.fullmatch(line))}


def _is_cut_short(file: Path) -> bool:
    """Tell whether the last line lacks an end (after a crash, or on a full disk)."""
    with file.open("rb") as sums:
        sums.seek(max(0, file.stat().st_size - 1))
        return sums.read(1) not in (b"", b"\n")


def _damage(path: Path, size: int, digest: str | None) -> str | None:
    if not path.is_file():
        return "is missing"
    # The size first: no need to hash a truncated file.
    if os.path.getsize(path) != size:
        return f"has {os.path.getsize(path):,} bytes instead of {size:,}"
    if digest is not None and file_hash(path) != digest:
        return "is damaged: it has another sha256 than when it was committed"
    return None

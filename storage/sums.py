"""The sha256 of every data file of a lake on local disks, so that a damaged one is never read as good.

Parquet as DuckDB writes it holds no checksums: a flipped bit in a page is other text or another number. The sums stand
in <data>/SHA256SUMS, which `sha256sum --check` reads too. A file gets its sum right after its commit; one that a crash
kept from getting it gets it when the lake is next opened for writing. Object stores keep checksums of their own.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection
from pathlib import Path

import duckdb

from rise.core.errors import UserError
from rise.storage.location import LakeLocation, is_url

LINE = re.compile(r"([0-9a-f]{64})  (.+)")
# Data and delete files with the run whose rows they hold (none: several may), from DuckLake's own tables.
FILES = """
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
OF_RUN = "SELECT path, file_size_bytes FROM files WHERE end_snapshot IS NULL AND (run = ? OR run IS NULL) ORDER BY path"


def sums_file(location: LakeLocation) -> Path | None:
    """Where the sums stand; None for a lake whose data is in an object store."""
    return None if is_url(location.data) else Path(location.data) / "SHA256SUMS"


def read(file: Path) -> dict[str, str]:
    """Path, relative to the data folder, to sha256: the first one written, that of the commit. A line that was cut
    short counts as none."""
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return {found[2]: found[1] for line in reversed(lines) if (found := LINE.fullmatch(line))}


def add(session: duckdb.DuckDBPyConnection, location: LakeLocation, version: int | None = None) -> None:
    """Write the sums that are missing: of one snapshot's files, or of all that the catalog names."""
    file = sums_file(location)
    if file is None:
        return
    where, params = ("", []) if version is None else (" WHERE begin_snapshot = ?", [version])
    committed = session.execute(f"WITH files AS ({FILES}) SELECT path FROM files{where}", params).fetchall()  # noqa: S608
    known = read(file) if version is None else {}
    paths = [path for (path,) in committed if path not in known and (file.parent / path).is_file()]
    if paths:
        lines = "".join(f"{file_hash(file.parent / path)}  {path}\n" for path in paths)
        with file.open("ab") as sums:
            sums.write((b"\n" if ends_in_a_line(file) else b"") + lines.encode())


def forget(location: LakeLocation, removed: Collection[str]) -> None:
    """Take out the sums of files that are no more, which `sha256sum --check` would miss. In `Lake.alone` only."""
    file = sums_file(location)
    if file is None or not removed:
        return
    kept = {path: digest for path, digest in read(file).items() if str(file.parent / path) not in removed}
    unfinished = file.with_suffix(".part")
    with unfinished.open("w") as sums:
        sums.writelines(f"{digest}  {path}\n" for path, digest in kept.items())
        sums.flush()
        os.fsync(sums.fileno())
    os.replace(unfinished, file)


def ends_in_a_line(file: Path) -> bool:
    """Whether the last line was cut short, by a crash or a full disk."""
    with file.open("rb") as sums:
        sums.seek(max(0, file.stat().st_size - 1))
        return sums.read(1) not in (b"", b"\n")


def check(session: duckdb.DuckDBPyConnection, location: LakeLocation, run: str) -> None:
    """Compare the files of a run's rows with what was committed. Raises UserError that names the first that differs."""
    file = sums_file(location)
    if file is None:
        return
    known = read(file)
    for path, size in session.execute(f"WITH files AS ({FILES}) {OF_RUN}", [run]).fetchall():
        wrong = what_is_wrong(file.parent / path, size, known.get(path))
        if wrong:
            raise UserError(
                f"the lake's file {file.parent / path} {wrong}, so run {run!r} cannot go on with it: put a copy of the "
                "file in its place, or begin a run of another name"
            )


def what_is_wrong(path: Path, size: int, expected: str | None) -> str | None:
    if not path.is_file():
        return "is missing"
    if os.path.getsize(path) != size:
        return f"has {os.path.getsize(path):,} bytes instead of {size:,}"
    if expected is not None and file_hash(path) != expected:
        return "is damaged: it has another sha256 than when it was committed"
    return None


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

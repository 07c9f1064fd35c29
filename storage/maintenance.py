"""Merge small Parquet files of the lake (DuckLake maintenance); every version stays readable.

Each work unit is a separate file, and marking selected rollouts adds a file of deletions: reading many such files
takes several times as long (docs/performance.md).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage import checksums
from storage.lake import Lake
from storage.patience import patiently
from storage.transaction import Transaction

_REWRITE = "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)"
_MERGE = "CALL ducklake_merge_adjacent_files('lake')"
_REMOVE = "CALL ducklake_cleanup_old_files('lake', older_than => ?::TIMESTAMPTZ)"
_COUNT = "SELECT sum(file_count + delete_file_count)::BIGINT AS n FROM ducklake_table_info('lake')"
_KEEP = timedelta(days=1)  # a query that began before the merge may still read the old files


def compact(lake: Lake, run: str, iteration: int, keep: timedelta = _KEEP) -> tuple[int, int]:
    """Merge the files of all runs, and remove files merged earlier.

    Args:
        run, iteration: For the commits' messages.
        keep: Age of a merged file at removal.

    Returns:
        The number of files of the newest version, before and after.
    """
    (before,) = lake.query(_COUNT)["n"].to_pylist()
    for statement in (_REWRITE, _MERGE):  # two commits: the second merges files that the first wrote

        def write(tx: Transaction, statement: str = statement) -> None:
            tx.execute(statement)

        lake.commit(write, run=run, iteration=iteration, stage="tidy")
    lake.add_checksums()
    patiently(lake.location, lambda: _remove_merged(lake, keep))
    (after,) = lake.query(_COUNT)["n"].to_pylist()
    return before, after


def _remove_merged(lake: Lake, keep: timedelta) -> None:
    """Remove files merged longer than `keep` ago, and their checksums."""
    with lake.alone() as cursor:
        paths = cursor.execute(_REMOVE, [datetime.now(UTC) - keep]).fetchall()
        checksums.remove(lake.location, [path for (path,) in paths])

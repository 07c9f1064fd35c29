"""Few large files for many small ones. Every shard's turn is a file of its own, and marking what was selected leaves a
file of deletions beside it; read together they take several times as long (docs/performance.md).

All of it is DuckLake's own maintenance, and every version stays readable.
"""

from __future__ import annotations

from rise.storage import sums
from rise.storage.lake import Lake, Transaction, patiently

REWRITE = "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)"
MERGE = "CALL ducklake_merge_adjacent_files('lake')"
# A day later: a query that began before may still read what was merged.
CLEAN_UP = "CALL ducklake_cleanup_old_files('lake', older_than => now() - INTERVAL 1 DAY)"
COUNT = "SELECT sum(file_count + delete_file_count)::BIGINT AS n FROM ducklake_table_info('lake')"


def tidy(lake: Lake, run: str, iteration: int) -> tuple[int, int]:
    """Merge the files of every run's iterations; returns how many the newest version had and has. `run` and `iteration`
    are whose work this is, for the commit's message."""
    (before,) = lake.query(COUNT)["n"].to_pylist()
    for statement in (REWRITE, MERGE):  # two commits: what the first one wrote is merged by the second

        def write(tx: Transaction, statement: str = statement) -> None:
            tx.execute(statement)

        lake.commit(write, run=run, iteration=iteration, stage="tidy")
    lake.add_sums()
    patiently(lake.location, lambda: clean_up(lake))
    (after,) = lake.query(COUNT)["n"].to_pylist()
    return before, after


def clean_up(lake: Lake) -> None:
    """Remove the files that were merged a day ago, and their sums."""
    with lake.alone() as session:
        sums.forget(lake.location, [path for (path,) in session.execute(CLEAN_UP).fetchall()])

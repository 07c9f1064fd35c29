"""SQL from users: a guarded statement on a read-only lake.

rows = run_query(LakeLocation.from_home(home), "SELECT * FROM leaderboard")
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from rise_core.errors import UserError
from rise_core.text import first_line
from storage.lake import Lake
from storage.location import LakeLocation
from storage.query_guard import check_query


def run_query(location: LakeLocation, sql: str, version: int | None = None) -> pa.Table:
    """Run a SELECT, DESCRIBE, SUMMARIZE or SHOW TABLES.

    Args:
        version: Snapshot to read; None for the newest.

    Raises:
        UserError: The SQL is wrong or not allowed, or there is no such lake or version; one line.
    """
    try:
        check_query(sql)
        with Lake(location, read_only=True, version=version) as lake:
            lake.lock_down()
            return lake.query(sql)
    except duckdb.Error as error:
        raise UserError(first_line(error)) from error
    except UnicodeDecodeError as error:  # DuckDB cuts its message in the middle of a character
        raise UserError("the query is not correct SQL, and DuckDB cannot say where") from error

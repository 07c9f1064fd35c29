"""A user's SQL reads the lake and does nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from rise_core.errors import UserError
from storage import rollouts
from storage.lake import Lake
from storage.location import LakeLocation
from storage.query import run_query
from tests.storage.samples import rollout, shard_rows


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def location(home: Path) -> LakeLocation:
    location = LakeLocation.from_home(home)
    with Lake(location) as lake:
        rollouts.append(lake, shard_rows(0, 4))
        rollouts.append(lake, [rollout(turn=2, verdict="wrong", reward=0.0)])
    return location


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT turn, n, accuracy FROM turn_accuracy", [(1, 4, 1.0), (2, 1, 0.0)]),
        ("FROM (SELECT count(*) FROM rollouts)", [(5,)]),
        ("WITH x AS (SELECT turn FROM lake.main.rollouts) SELECT max(turn) FROM x;", [(2,)]),
        ("SELECT unnest(response_ids) FROM rollouts WHERE turn = 2", [(7,), (8,), (9,), (2,)]),
        ("SELECT count(*) FROM rollouts, range(3)", [(15,)]),
        ("SELECT max(snapshot_id) FROM lake.snapshots()", [(3,)]),
        ("SELECT count(*) FROM rollouts AT (VERSION => 2)", [(4,)]),
        ("SELECT column_name FROM (DESCRIBE metrics) WHERE column_type = 'INTEGER'", [("iteration",), ("n",)]),
        ("SELECT column_name, max FROM (SUMMARIZE rollouts) WHERE column_name = 'turn'", [("turn", "2")]),
    ],
)
def test_a_query_reads_the_lake(location: LakeLocation, sql: str, rows: list[tuple[object, ...]]) -> None:
    assert [tuple(row.values()) for row in run_query(location, sql).to_pylist()] == rows


def test_a_query_at_a_version(location: LakeLocation) -> None:
    assert run_query(location, "SELECT turn FROM turn_accuracy", version=2).to_pylist() == [{"turn": 1}]
    with pytest.raises(UserError, match="no version 77"):
        run_query(location, "SELECT 1", version=77)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO rise_schema VALUES (9)",
        "UPDATE rollouts SET reward = 1",
        "DELETE FROM rollouts",
        "DROP TABLE rollouts",
        "CREATE TABLE t (a INTEGER)",
        "CREATE TEMP TABLE t AS SELECT 1",
        "COPY rollouts TO '{folder}/out.csv'",
        "COPY rollouts TO '{folder}/lake/data/out.csv'",
        "EXPLAIN ANALYZE COPY rollouts TO '{folder}/lake/data/out.csv'",
        "ATTACH '{folder}/other.db'",
        "ATTACH ':memory:' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 1",
        "RESET lock_configuration",
        "PRAGMA database_list",
        "CALL lake.set_option('data_inlining_row_limit', 5)",
        "USE memory",
        "BEGIN",
        "SELECT 1; DROP TABLE rollouts",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM '{folder}/notes.csv'",
        "SELECT (SELECT content FROM read_text('/etc/passwd'))",
        "WITH x AS (FROM read_blob('/etc/passwd')) FROM x",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sqlite_scan('{folder}/secret.sqlite', 'secret')",
        "SELECT * FROM query('FROM sqlite_scan(''{folder}/secret.sqlite'', ''secret'')')",
        "SELECT * FROM sqlite_attach('{folder}/secret.sqlite')",
        "SELECT * FROM ducklake_set_option('lake', 'data_inlining_row_limit', 5)",
        "SELECT * FROM ducklake_delete_orphaned_files('lake', cleanup_all => true)",
        "SELECT * FROM location",
        "",
        "   -- nothing",
    ],
)
def test_a_query_can_do_nothing_else(home: Path, location: LakeLocation, sql: str) -> None:
    (home / "notes.csv").write_text("a\n1\n")
    with closing(sqlite3.connect(home / "secret.sqlite")) as secret:
        secret.execute("CREATE TABLE IF NOT EXISTS secret AS SELECT 42 AS answer")
    files = sorted(path.name for path in home.rglob("*.*") if "catalog" not in path.name)
    with pytest.raises(UserError) as refused:
        run_query(location, sql.format(folder=home))
    assert "\n" not in str(refused.value)
    assert sorted(path.name for path in home.rglob("*.*") if "catalog" not in path.name) == files


@pytest.mark.parametrize(
    "sql",
    [
        "COPY lake.rollouts TO '{folder}/out.csv'",
        "DELETE FROM lake.rollouts",
        "SELECT * FROM read_text('/etc/passwd')",
        "ATTACH '{folder}/other.db'",
        "LOAD httpfs",
        "SET threads = 1",
        "SET enable_external_access = true",
    ],
)
def test_the_engine_itself_is_locked_down(home: Path, locked: Lake, sql: str) -> None:
    with pytest.raises(duckdb.Error):
        locked.query(sql.format(folder=home))


@pytest.fixture(scope="module")
def locked(location: LakeLocation) -> Iterator[Lake]:
    with Lake(location, read_only=True) as lake:
        lake.lock_down()
        yield lake
        assert lake.query("SELECT * FROM rollouts").num_rows == 5


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT * FROM rolouts", "Table with name rolouts does not exist!"),
        ("SELECT nope FROM rollouts", 'column "nope" not found'),
        ("SELECT 'a'::INTEGER", "Could not convert string 'a'"),
    ],
)
def test_bad_sql_is_one_line(location: LakeLocation, sql: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        run_query(location, sql)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_lake_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="start with `rise run PROFILE`"):
        run_query(LakeLocation.from_home(tmp_path), "SELECT 1")
    assert list(tmp_path.iterdir()) == []

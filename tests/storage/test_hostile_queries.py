"""Statements that try to write, to read what is no part of the lake, or to run for ever: none does."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from rise.core.errors import UserError
from rise.storage import rollouts
from rise.storage.lake import Lake
from rise.storage.location import LakeLocation
from rise.storage.query import run_query
from tests.storage.samples import ROOT, shard_rows

PLANTED = "planted-5e1f"  # in a file beside the lake, in a database, in the environment: no answer may hold it

WRITES = [
    "INSERT INTO rollouts SELECT * FROM rollouts",
    "WITH x AS (INSERT INTO rise_schema VALUES (9) RETURNING *) SELECT * FROM x",
    "WITH x AS (DELETE FROM rollouts RETURNING *) FROM x",
    "UPDATE rollouts SET reward = 1",
    "DELETE FROM rollouts",
    "TRUNCATE rollouts",
    "MERGE INTO rollouts USING rollouts AS s ON false WHEN NOT MATCHED THEN INSERT",
    "DROP TABLE rollouts",
    "DROP VIEW turn_accuracy",
    "ALTER TABLE rollouts ADD COLUMN x INTEGER",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW turn_accuracy AS SELECT 1",
    "CREATE TEMP VIEW v AS SELECT 1",
    "CREATE MACRO m() AS TABLE FROM read_text('{folder}/notes.csv')",
    "CREATE SEQUENCE s",
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "COMMENT ON TABLE rollouts IS 'x'",
    "PIVOT rollouts ON turn",
    "VACUUM",
    "CHECKPOINT lake",
    "CALL lake.set_option('data_inlining_row_limit', 5)",
    "CALL ducklake_expire_snapshots('lake', older_than => now())",
    "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "FROM ducklake_expire_snapshots('lake', older_than => now())",
    "FROM ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "FROM ducklake_merge_adjacent_files('lake')",
    "FROM ducklake_rewrite_data_files('lake')",
    "FROM ducklake_flush_inlined_data('lake')",
    "FROM ducklake_add_data_files('lake', 'rollouts', '{folder}/notes.csv')",
    "FROM ducklake_set_commit_message('lake', 'a', 'b')",
    "FROM lake.set_option('data_inlining_row_limit', 5)",
    "FROM force_checkpoint('lake')",
    "SELECT write_log('x')",
]
FILES = [
    "COPY rollouts TO '{data}/out.parquet'",
    "COPY rollouts FROM '{folder}/notes.csv'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPORT DATABASE '{folder}/out'",
    "IMPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/other.db'",
    "ATTACH '{folder}/secret.sqlite' (TYPE sqlite)",
    "DETACH lake",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM READ_CSV_AUTO('{folder}/notes.csv')",
    "SELECT * FROM (FROM (FROM read_text('{folder}/notes.csv')))",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM read_blob('{folder}/notes.csv'))",
    "SELECT (SELECT content FROM read_text('{folder}/notes.csv'))",
    "WITH RECURSIVE x AS (FROM read_text('{folder}/notes.csv') UNION ALL FROM x) FROM x",
    "SELECT * FROM rollouts, LATERAL (SELECT * FROM read_text(response))",
    "FROM parquet_metadata('{data}/*')",
    "FROM read_parquet('s3://bucket/x.parquet')",
    "FROM read_csv('https://example.org/x.csv')",
    "FROM 'https://example.org/x.parquet'",
    "FROM '{folder}/notes.csv'",
    "FROM '{folder}/*.csv'",
    "FROM '{data}/../../notes.csv'",
    "FROM '{data}/link.csv'",
    "FROM '{data}/folder/notes.csv'",
    'FROM "/proc/self/environ"',
    "SUMMARIZE '{folder}/notes.csv'",
    "DESCRIBE '{folder}/notes.csv'",
    "FROM (SUMMARIZE '{data}/link.csv')",
    "FROM glob('{folder}/*')",
    "FROM sniff_csv('{folder}/notes.csv')",
    "FROM sqlite_scan('{folder}/secret.sqlite', 'secret')",
    "FROM sqlite_query('{folder}/secret.sqlite', 'FROM secret')",
    "FROM postgres_scan('host=localhost', 'public', 't')",
    "FROM postgres_query('lake', 'SELECT 1')",
    "FROM query('FROM read_text(''{folder}/notes.csv'')')",
    "FROM query_table('{folder}/notes.csv')",
    "FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(''{folder}/notes.csv'')'))",
    "FROM ducklake_scan('{folder}/secret.sqlite')",
    "FROM ducklake_list_files('lake', 'rollouts')",
    "FROM __ducklake_metadata_lake.ducklake_metadata",
]
SETTINGS = [
    "SET threads = 1",
    "SET enable_external_access = true",
    "SET VARIABLE x = 1",
    "RESET ALL",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "INSTALL httpfs",
    "FORCE INSTALL httpfs FROM community",
    "LOAD '{folder}/notes.csv'",
    "UPDATE EXTENSIONS",
    "USE memory",
    "BEGIN",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "SELECT getenv('PLANTED')",
    "SELECT current_setting('s3_secret_access_key')",
    "SELECT getvariable('x')",
    "FROM duckdb_settings()",
    "FROM duckdb_secrets()",
    "FROM which_secret('s3://bucket', 's3')",
    "FROM pg_settings",
    "FROM pg_catalog.pg_settings",
    "FROM duckdb_databases",
    "FROM pragma_database_list",
    "FROM duckdb_logs",
    "SHOW ALL SETTINGS",
]
FORMS = [
    "SELECT 1; DROP TABLE rollouts",
    "SELECT 1; SELECT 2",
    "SELECT 1 -- ; \n ; DELETE FROM rollouts",
    "/* SELECT */ DELETE /* */ FROM rollouts",
    "EXPLAIN ANALYZE DELETE FROM rollouts",
    "SELECT /* unclosed",
    "SELECT '\x00",
    "SELECT '\ud800'",
    "SELECT $1",
    "\\copy rollouts to x",
    ".shell touch {folder}/out",
    "SELECT " + "abs(" * 900 + "1" + ")" * 900,
    "SELECT " + "+".join(["1"] * 5_000),
    "SELECT " + "(SELECT " * 2_000 + "1" + ")" * 2_000,
    "\U0001f600" * 50_000,
]
ALL = {"writes": WRITES, "files": FILES, "settings": SETTINGS, "forms": FORMS}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with four rollouts, with secrets beside it and links out of it."""
    home = tmp_path_factory.mktemp("home")
    (home / "notes.csv").write_text(f"a\n{PLANTED}\n")
    with Lake(LakeLocation.from_home(home)) as lake:
        rollouts.append(lake, shard_rows(0, 4))
    with closing(sqlite3.connect(home / "secret.sqlite")) as secret:
        secret.execute(f"CREATE TABLE secret AS SELECT '{PLANTED}' AS answer")
        secret.commit()
    (home / "lake/data/link.csv").symlink_to(home / "notes.csv")
    (home / "lake/data/folder").symlink_to(home)
    return home


def fingerprint(home: Path) -> dict[str, str]:
    """Every file of the home folder with its hash; of the catalog, which readers lock, its content."""
    files = [path for path in home.rglob("*") if path.is_file() and not path.name.startswith("catalog.sqlite")]
    found = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    with closing(sqlite3.connect(home / "lake/catalog.sqlite")) as catalog:
        found["catalog"] = "\n".join(catalog.iterdump())
    return found


def refusal(location: LakeLocation, sql: str) -> str | None:
    try:
        run_query(location, sql)
    except UserError as refused:
        return str(refused)
    return None


@pytest.mark.parametrize("kind", ALL)
def test_a_hostile_statement_is_refused_in_one_line(
    home: Path, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLANTED", PLANTED)
    monkeypatch.chdir(tmp_path)
    location = LakeLocation.from_home(home)
    before = fingerprint(home)
    passed = []
    for statement in ALL[kind]:
        sql = statement.replace("{folder}", str(home)).replace("{data}", location.data)
        said = refusal(location, sql)
        if said is None or "\n" in said or PLANTED in said:
            passed.append((statement, said))
    assert passed == []
    assert fingerprint(home) == before
    assert list(tmp_path.iterdir()) == []


def test_there_are_enough_of_them() -> None:
    assert sum(map(len, ALL.values())) >= 100
    assert all(len(set(statements)) == len(statements) for statements in ALL.values())


@pytest.mark.parametrize(
    "sql",
    [
        "WITH views AS (SELECT 1 AS x) FROM views",
        "SELECT table_name FROM information_schema.tables",
        "SELECT count(*) FROM sqlite_master",
        "SELECT '/etc/passwd' AS \"a.b\", current_setting FROM (SELECT 1 AS current_setting)",
        "SELECT '; DROP TABLE rollouts' -- ; DROP TABLE rollouts",
    ],
)
def test_what_only_looks_hostile_is_answered(home: Path, sql: str) -> None:
    assert run_query(LakeLocation.from_home(home), sql).num_rows >= 1


def test_a_query_that_needs_more_memory_than_there_is_fails_alone(home: Path, tmp_path: Path) -> None:
    with Lake(LakeLocation.from_home(home), read_only=True) as lake:
        with lake.alone() as session:
            session.execute("SET GLOBAL memory_limit = '64MB'")
        lake.lock_down()
        with pytest.raises(Exception, match="Out of Memory Error"):
            lake.query("SELECT list(r1.range || r2.range::VARCHAR) FROM range(20000) r1, range(20000) r2")


def test_a_query_without_end_stops_at_ctrl_c(home: Path) -> None:
    endless = "WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT n % 7 + 1 FROM x) SELECT count(*) FROM x"
    # In the background of a script SIGINT is ignored; at a terminal it is not.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from rise.flows.cli.app import app; import rise.flows.cli.printing, rise.storage.query; "
        "print('ready', flush=True); app(['query', sys.argv[1]])"
    )
    environment = {**os.environ, "RISE_HOME": str(home)}
    with subprocess.Popen(
        [sys.executable, "-c", code, endless], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            worked = psutil.Process(process.pid).cpu_times().user
            while psutil.Process(process.pid).cpu_times().user < worked + 5:  # to open the lake takes a second
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGINT

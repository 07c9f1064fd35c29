"""No statement writes, reads beyond the lake, or runs for ever."""

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

from rise_core.errors import UserError
from storage import rollouts
from storage.lake import Lake
from storage.location import LakeLocation
from storage.query import run_query
from tests.storage.hostile_statements import ALL, PLANTED
from tests.storage.samples import ROOT, shard_rows


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with four rollouts, secrets beside the lake, and links to the outside."""
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
    """Hash every file of the home folder; dump the catalog, since readers lock the file."""
    files = [path for path in home.rglob("*") if path.is_file() and not path.name.startswith("catalog.sqlite")]
    hashes = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    with closing(sqlite3.connect(home / "lake/catalog.sqlite")) as catalog:
        hashes["catalog"] = "\n".join(catalog.iterdump())
    return hashes


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
        message = refusal(location, sql)
        if message is None or "\n" in message or PLANTED in message:
            passed.append((statement, message))
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
        "from flows.cli.app import app; import flows.cli.printing, storage.query; "
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
            while psutil.Process(process.pid).cpu_times().user < worked + 3:  # to open the lake takes a second
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGINT

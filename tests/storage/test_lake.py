from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rise.core.errors import UserError
from rise.storage import patience, rollouts
from rise.storage.creation import creation
from rise.storage.lake import Lake
from rise.storage.location import LakeLocation
from rise.storage.schema import TABLES
from rise.storage.session import open_session, session_sql
from rise.storage.transaction import Transaction
from rise.storage.views import VIEWS
from tests.storage.samples import rollout, shard_rows, start


def count(lake: Lake) -> int:
    return int(lake.query("SELECT count(*) AS n FROM rollouts")["n"][0].as_py())


def test_a_new_lake_has_every_table_and_view(lake: Lake) -> None:
    names = {row["name"] for row in lake.query("SHOW TABLES").to_pylist()}
    assert names == {*TABLES, *VIEWS}
    assert lake.version() == 1


def test_a_long_result_comes_in_batches_of_one_snapshot(lake: Lake) -> None:
    rollouts.append(lake, [rollout(sample=n) for n in range(5000)])
    batches = lake.stream("SELECT sample FROM rollouts WHERE sample >= ? ORDER BY sample DESC", [1000], rows=2048)
    first = next(batches)
    rollouts.append(lake, [rollout(shard=1, sample=n) for n in range(5000)])
    found = [number for batch in (first, *batches) for number in batch["sample"].to_pylist()]
    assert first.num_rows == 2048
    assert found == list(range(4999, 999, -1))
    with pytest.raises(duckdb.CatalogException):
        next(lake.stream("SELECT * FROM nowhere"))


def test_queries_may_name_tables_beside_the_lakes(lake: Lake) -> None:
    rollouts.append(lake, [rollout(sample=n) for n in range(3)])
    wanted = pa.table({"sample": pa.array([2, 7], pa.int32())})
    sql = "SELECT sample FROM rollouts WHERE sample IN (FROM wanted)"
    assert lake.query(sql, wanted=wanted)["sample"].to_pylist() == [2]
    with pytest.raises(duckdb.CatalogException):
        lake.query(sql)


def test_a_commit_is_one_snapshot_with_its_message(lake: Lake) -> None:
    def write(tx: Transaction) -> None:
        for turn in (1, 2):
            tx.execute("INSERT INTO lake.main.rise_schema VALUES (?)", [1 - turn])

    version = lake.commit(write, run="r1", iteration=3, stage="evaluate", note="turns=2")
    last = lake.query("SELECT * FROM snapshots() ORDER BY snapshot_id DESC LIMIT 1").to_pylist()[0]
    assert (last["snapshot_id"], last["commit_message"]) == (version, "run=r1 iteration=3 stage=evaluate turns=2")
    assert version == lake.version() == 2


def test_an_error_in_the_body_rolls_everything_back(lake: Lake) -> None:
    def write(tx: Transaction) -> None:
        tx.execute("INSERT INTO lake.main.rise_schema VALUES (1)")
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        lake.commit(write, run="r1", iteration=1, stage="test")
    with pytest.raises(duckdb.CatalogException):
        lake.commit(lambda tx: tx.execute("INSERT INTO nowhere VALUES (1)"), run="r1", iteration=1, stage="test")
    assert lake.version() == 1
    rollouts.append(lake, shard_rows(0, 3))
    assert count(lake) == 3


def test_rows_are_matched_by_name_and_nulls_are_checked(lake: Lake) -> None:
    table = pa.table({"n": [3], "value": [0.5], "metric": ["m"], "split": ["eval"], "iteration": [0], "run": ["r"]})
    lake.commit(lambda tx: tx.append("metrics", table), run="r", iteration=0, stage="test")
    assert lake.query("SELECT run, n, ci_low FROM metrics").to_pylist() == [{"run": "r", "n": 3, "ci_low": None}]
    with pytest.raises(duckdb.Error, match="NOT NULL"):
        lake.commit(lambda tx: tx.append("metrics", table.drop(["n"])), run="r", iteration=0, stage="test")


def test_threads_of_one_process_commit_and_read(lake: Lake) -> None:
    failures: list[BaseException] = []

    def work(shard: int) -> None:
        try:
            rollouts.append(lake, shard_rows(shard, 5))
            assert lake.query("SELECT * FROM rollouts WHERE shard = ?", [shard]).num_rows == 5
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(shard,)) for shard in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert count(lake) == 30


def test_time_travel_over_tables_and_views(home: Path, lake: Lake) -> None:
    versions = [rollouts.append(lake, [rollout(shard=shard, problem_id=f"p{shard}")]) for shard in range(3)]
    assert lake.query(f"SELECT * FROM rollouts AT (VERSION => {versions[1]})").num_rows == 2
    with Lake(lake.location, version=versions[0]) as then:
        assert count(then) == 1
        assert then.query("SELECT n FROM turn_accuracy").to_pylist() == [{"n": 1}]
        assert then.version() == versions[0]
        with pytest.raises(ValueError, match="read-only"):
            rollouts.append(then, [rollout()])
    for version in (99, -1):
        with pytest.raises(UserError, match=f"no version {version}"):
            Lake(lake.location, version=version)
    with pytest.raises(UserError, match="older than the lake's tables"):
        Lake(lake.location, version=0)


def test_any_duckdb_session_can_attach_offline(lake: Lake) -> None:
    rollouts.append(lake, shard_rows(0, 4))
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as session:
        statements = session_sql(lake.location)
        assert not any("INSTALL" in statement for statement in statements)
        for statement in statements:
            session.execute(statement)
        assert session.execute("SELECT n, accuracy FROM turn_accuracy").fetchall() == [(4, 1.0)]
        assert session.execute("SELECT count(*) FROM episodes").fetchall() == [(4,)]


def test_small_commits_are_parquet_files_too(home: Path, lake: Lake) -> None:
    rollouts.append(lake, shard_rows(0, 1))
    assert len(list((home / "lake" / "data").rglob("rollouts/**/*.parquet"))) == 1


def test_rows_are_stored_in_zstd(home: Path, lake: Lake) -> None:
    rollouts.append(lake, shard_rows(0, 50))
    (file,) = (home / "lake" / "data").rglob("rollouts/**/*.parquet")
    group = pq.read_metadata(file).row_group(0)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"ZSTD"}


def test_a_home_can_be_moved(home: Path) -> None:
    with Lake(LakeLocation.from_home(home)) as lake:
        rollouts.append(lake, shard_rows(0, 4))
    moved = home.rename(home.with_name("moved"))
    with Lake(LakeLocation.from_home(moved)) as lake:
        rollouts.append(lake, shard_rows(1, 4))
        assert count(lake) == 8


def test_processes_that_open_a_new_lake_at_once_make_one_schema(home: Path) -> None:
    processes = [start("committer", home, 0, 0) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    with Lake(LakeLocation.from_home(home), read_only=True) as lake:
        assert lake.version() == 1
        assert lake.query("SELECT version FROM rise_schema").num_rows == 1


def test_a_creation_that_was_cut_short_is_made_good(home: Path) -> None:
    location = location_with_folders(LakeLocation.from_home(home))
    with open_session(location, read_only=False) as session:
        for statement in creation()[:-3]:
            session.execute(statement)
    with Lake(location) as lake:
        assert lake.version() == 1
        assert {row["name"] for row in lake.query("SHOW TABLES").to_pylist()} == {*TABLES, *VIEWS}


def test_a_lake_of_an_earlier_rise_gets_what_is_new_and_keeps_its_rows(lake: Lake) -> None:
    rollouts.append(lake, shard_rows(0, 3))

    def forget(tx: Transaction) -> None:
        tx.execute("DROP VIEW lake.main.solved_by_turns")
        tx.execute("DROP VIEW lake.main.example_weights")
        tx.execute("DROP TABLE lake.main.evaluations")

    before = lake.commit(forget, run="r", iteration=0, stage="test")
    with Lake(lake.location, read_only=True) as reader:
        assert count(reader) == 3
    with Lake(lake.location) as writer:
        assert {row["name"] for row in writer.query("SHOW TABLES").to_pylist()} == {*TABLES, *VIEWS}
        assert writer.version() == before + 1
        assert count(writer) == 3
    with Lake(lake.location) as again:
        assert again.version() == before + 1


def test_a_lake_of_a_newer_schema_is_refused(lake: Lake) -> None:
    lake.commit(lambda tx: tx.execute("UPDATE rise_schema SET version = 2"), run="r", iteration=0, stage="test")
    for read_only in (False, True):
        with pytest.raises(UserError, match="schema version 2, this rise reads 1: update rise"):
            Lake(lake.location, read_only=read_only)


def test_a_missing_empty_or_broken_lake_is_one_clear_error(home: Path) -> None:
    location = LakeLocation.from_home(home)
    with pytest.raises(UserError, match=r"no lake at .*catalog.sqlite: start with `rise run PROFILE`"):
        Lake(location, read_only=True)
    assert not home.exists()
    open_session(location_with_folders(location), read_only=False).close()
    with pytest.raises(UserError, match="no tables yet: start with `rise run PROFILE`"):
        Lake(location, read_only=True)
    assert location.catalog_file is not None
    location.catalog_file.write_bytes(b"not a database, but long enough to look at" * 99)
    with pytest.raises(UserError, match=r"cannot be opened: .*not a database"):
        Lake(location)


def location_with_folders(location: LakeLocation) -> LakeLocation:
    Path(location.data).mkdir(parents=True)
    return location


def test_urls_come_from_the_environment(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISE_LAKE_CATALOG", f"sqlite:{tmp_path / 'elsewhere' / 'c.sqlite'}")
    monkeypatch.setenv("RISE_LAKE_DATA", str(tmp_path / "parquet"))
    with Lake(LakeLocation.from_home(home)) as lake:
        rollouts.append(lake, shard_rows(0, 2))
    assert (tmp_path / "elsewhere" / "c.sqlite").is_file()
    assert list((tmp_path / "parquet").rglob("*.parquet"))
    assert not home.exists()
    monkeypatch.setenv("RISE_LAKE_CATALOG", "mysql:db")
    with pytest.raises(UserError, match="must start with sqlite: or postgres:"):
        LakeLocation.from_home(home)


def test_a_missing_extension_names_its_package(home: Path) -> None:
    with pytest.raises(UserError, match=f"pip install duckdb-extension-postgres-scanner=={duckdb.__version__}"):
        Lake(LakeLocation("postgres:dbname=lake", str(home)))


def test_a_commit_waits_for_a_program_that_holds_the_catalog(lake: Lake) -> None:
    holder = start("holder", lake.location.catalog_file, 1.0)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    rollouts.append(lake, shard_rows(0, 4))
    assert count(lake) == 4
    assert holder.wait() == 0
    holder.stdout.close()


def test_a_commit_is_run_again_when_another_program_committed_first(lake: Lake) -> None:
    attempts = []
    with open_session(lake.location, read_only=False) as other:

        def write(tx: Transaction) -> None:
            attempts.append(tx.execute("SELECT count(*) FROM lake.main.rise_schema"))
            tx.execute("INSERT INTO lake.main.rise_schema VALUES (1)")
            if len(attempts) < 3:
                other.execute("INSERT INTO lake.main.rise_schema VALUES (1)")

        lake.commit(write, run="r1", iteration=1, stage="test")
    assert attempts == [[(1,)], [(2,)], [(3,)]]
    assert lake.query("SELECT * FROM rise_schema").num_rows == 4


def test_a_catalog_that_stays_busy_is_one_clear_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.2)
    with open_session(lake.location, read_only=False) as other:

        def write(tx: Transaction) -> None:
            tx.execute("INSERT INTO lake.main.rise_schema VALUES (1)")
            other.execute("INSERT INTO lake.main.rise_schema VALUES (1)")

        with pytest.raises(UserError, match=r"stayed busy for 0 s .*close the program that holds it and resume"):
            lake.commit(write, run="r1", iteration=1, stage="test")

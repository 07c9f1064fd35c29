"""A new lake has all tables and views; an older lake is completed; a newer lake is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rise_core.errors import UserError
from storage import rollouts
from storage.creation import creation_sql
from storage.lake import Lake
from storage.location import LakeLocation
from storage.schema import TABLES
from storage.session import open_session
from storage.transaction import Transaction
from storage.views import VIEWS
from tests.storage.samples import count_rollouts, shard_rows, start


def test_a_new_lake_has_every_table_and_view(lake: Lake) -> None:
    names = {row["name"] for row in lake.query("SHOW TABLES").to_pylist()}
    assert names == {*TABLES, *VIEWS}
    assert lake.version() == 1


def test_small_commits_are_parquet_files_too(home: Path, lake: Lake) -> None:
    rollouts.append(lake, shard_rows(0, 1))
    assert len(list((home / "lake" / "data").rglob("rollouts/**/*.parquet"))) == 1


def test_rows_are_stored_in_zstd(home: Path, lake: Lake) -> None:
    rollouts.append(lake, shard_rows(0, 50))
    (file,) = (home / "lake" / "data").rglob("rollouts/**/*.parquet")
    group = pq.read_metadata(file).row_group(0)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"ZSTD"}


def test_processes_that_open_a_new_lake_at_once_make_one_schema(home: Path) -> None:
    processes = [start("committer", home, 0, 0) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    with Lake(LakeLocation.from_home(home), read_only=True) as lake:
        assert lake.version() == 1
        assert lake.query("SELECT version FROM rise_schema").num_rows == 1


def test_a_creation_that_was_cut_short_is_made_good(home: Path) -> None:
    location = location_with_folders(LakeLocation.from_home(home))
    with open_session(location, read_only=False) as session:
        for statement in creation_sql()[:-3]:
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
        assert count_rollouts(reader) == 3
    with Lake(lake.location) as writer:
        assert {row["name"] for row in writer.query("SHOW TABLES").to_pylist()} == {*TABLES, *VIEWS}
        assert writer.version() == before + 1
        assert count_rollouts(writer) == 3
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

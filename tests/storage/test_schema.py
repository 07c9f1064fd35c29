"""The lake, appends and older lakes agree with the description of each table and view."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from rise_core.records import Example, Metric, Problem
from storage import arrow, checkpoints, evaluations, examples, metric_rows, problem_rows, rollouts, runs
from storage.creation import creation_sql
from storage.evaluations import EvaluationRecord
from storage.lake import Lake
from storage.location import LakeLocation
from storage.schema import RUNS, TABLES
from storage.session import open_session
from storage.views import VIEWS
from tests.storage.samples import checkpoint, rollout

FIRST = Path(__file__).with_name("first_lake.sql").read_text().partition("\n")[2].split(";\n")[:-1]
COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns()
    WHERE database_name = 'lake' ORDER BY table_name, column_index"""


def plain(kind: str) -> str:
    """Return a type in one spelling."""
    return kind.replace('"', "").replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")


def described() -> dict[str, list[tuple[str, str]]]:
    return {
        relation.name: [(column.name, plain(column.type.sql)) for column in relation.columns]
        for relation in (*TABLES.values(), *VIEWS.values())
    }


def columns_of(lake: Lake) -> dict[str, list[tuple[str, str]]]:
    columns: dict[str, list[tuple[str, str]]] = {}
    for row in lake.query(COLUMNS).to_pylist():
        columns.setdefault(row["table_name"], []).append((row["column_name"], plain(row["data_type"])))
    return columns


def test_a_lake_has_the_described_columns_in_order(lake: Lake) -> None:
    assert columns_of(lake) == described()
    nullable = {
        (row["table_name"], row["column_name"])
        for row in lake.query(COLUMNS).to_pylist()
        if row["is_nullable"] and row["table_name"] in TABLES
    }
    assert nullable == {(t.name, c.name) for t in TABLES.values() for c in t.columns if c.nullable}


def test_every_column_has_a_meaning() -> None:
    for relation in (*TABLES.values(), *VIEWS.values()):
        assert relation.row.endswith(".")
        assert all(column.meaning for column in relation.columns)


def test_a_new_lake_is_created_by_the_statements_of_the_first_and_later_additions() -> None:
    def words(statements: list[str]) -> set[str]:
        """Return the statements with single spaces."""
        return {" ".join(statement.split()).replace("( ", "(") for statement in statements}

    assert words(FIRST) <= words(creation_sql())


def test_a_lake_of_the_first_version_is_opened_read_and_appended_to(home: Path) -> None:
    location = LakeLocation.from_home(home)
    Path(location.data).mkdir(parents=True)
    now = "TIMESTAMPTZ '2026-01-02 03:04:05+00'"
    with open_session(location, read_only=False) as session:
        for statement in FIRST:
            session.execute(statement)
        session.execute("USE lake")
        session.execute(f"INSERT INTO runs VALUES ('old', 'demo', 'seed: 1', '{{\"vllm\": \"1\"}}', 2, {now})")
        session.execute("INSERT INTO problems VALUES ('old', 'train', 0, 'p0', '1 + 1?', '2', NULL, '{}')")
        session.execute(
            "INSERT INTO rollouts VALUES ('old', 1, 'collect', 'train', 'p0', 0, 1, 0, 'abc', 'two', [5, 6], 3, 'stop',"
            f" false, 9, 0.5, '2', 'correct', 1.0, false, {now})"
        )
        session.execute(
            "INSERT INTO checkpoints VALUES ('old', 0, 'abc', 'full', NULL, 'x', 'y', 1, '{\"a.json\": \"h\"}', 0, 0, 0"
            f", [{{step: 1, epoch: 1, loss: 2, learning_rate: 3, tokens: 4}}], {now})"
        )
        session.execute("INSERT INTO metrics VALUES ('old', 0, 'eval', 'm1@t1', 0.5, 0.4, 0.6, 10)")
        session.execute("USE memory")
    with Lake(location, read_only=True) as reader:
        before = reader.version()
        assert columns_of(reader) == described()
        assert runs.get(reader, "old").versions == {"vllm": "1"}
        assert problem_rows.read(reader, "old", "train") == [Problem("p0", "train", "1 + 1?", "2")]
        assert [row.response_ids for row in rollouts.read(reader, "old", 1, "collect")] == [[5, 6]]
        record = checkpoints.get(reader, "old")
        assert (record.files, record.training_log[0]["tokens"]) == ({"a.json": "h"}, 4)
        assert metric_rows.read(reader, "old") == [(0, Metric("eval", "m1@t1", 0.5, 0.4, 0.6, 10))]
    with Lake(location) as lake:
        assert lake.version() == before, "nothing is missing, so nothing is added"
        rollouts.append(lake, [rollout(run="old", turn=2, sample=s) for s in range(2)])
        examples.append(lake, "old", 1, [Example("p0", 1, 0, [1], [5, 6], 1.0, 2.0)])
        checkpoints.append(lake, checkpoint("old", 1, "def"))
        metric_rows.replace(lake, "old", 1, [Metric("eval", "m1@t1", 0.6, 0.5, 0.7, 10)])
        evaluations.append(lake, EvaluationRecord("old", "wide", "seed: 1"), [Problem("w", "wide", "2?", "2")])
        runs.append(lake, "new", "demo", "seed: 2", {"b": "2", "a": "1"})
        assert [row.selected for row in rollouts.read(lake, "old", 1, "collect")] == [True, False, False]
        assert [k for k, _ in metric_rows.read(lake, "old")] == [0, 1]
        assert lake.query("SELECT versions FROM runs WHERE run = 'new'")["versions"].to_pylist() == [
            json.dumps({"a": "1", "b": "2"})
        ]
        lake.check_files("old")


def test_an_append_has_the_tables_schema_and_a_missing_attribute_is_an_error() -> None:
    record = runs.RunRecord("r1", "demo", "seed: 0", {"a": "1"}, 3, datetime(2026, 1, 2, tzinfo=UTC))
    rows = arrow.to_arrow(RUNS, [record, record], run="r2", goal=range(2))
    assert rows.schema == RUNS.arrow_schema()
    assert rows.select(["run", "goal", "versions"]).to_pylist() == [
        {"run": "r2", "goal": goal, "versions": '{"a": "1"}'} for goal in (0, 1)
    ]
    assert arrow.to_arrow(RUNS, [], run="r2").schema == RUNS.arrow_schema()
    with pytest.raises(AttributeError, match="profile"):
        arrow.to_arrow(RUNS, [rollout()])


def test_duckdb_reads_the_arrow_types_as_the_sql_types() -> None:
    for table in TABLES.values():
        empty = pa.Table.from_pylist([], schema=table.arrow_schema())
        with duckdb.connect() as session:
            session.execute("SET TimeZone = 'UTC'")
            session.register("empty", empty)
            kinds = [(name, plain(kind)) for name, kind, *_ in session.execute("DESCRIBE empty").fetchall()]
        assert kinds == described()[table.name]

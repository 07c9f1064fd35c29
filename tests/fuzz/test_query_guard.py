"""The query guard: a statement passes, or one line says why not; what passes changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.errors import UserError
from rise_core.text import first_line
from storage import rollouts
from storage.lake import Lake
from storage.location import LakeLocation
from storage.query import run_query
from storage.query_guard import check_query
from tests.fuzz.inputs import answered_or_refused, deadline, fuzzed, hostile_text, pieces
from tests.storage.hostile_statements import ALL
from tests.storage.samples import shard_rows

pytestmark = pytest.mark.fuzz

WORDS = "SELECT FROM WHERE WITH RECURSIVE AS VALUES UNION ALL JOIN LATERAL ORDER BY LIMIT GROUP HAVING PIVOT SUMMARIZE"
WORDS += " DESCRIBE SHOW TABLES COPY TO ATTACH INSERT INTO DELETE UPDATE SET CREATE TABLE VIEW CALL PRAGMA EXPLAIN AT"
SIGNS = [
    "(",
    ")",
    ",",
    ";",
    "--",
    "/*",
    "*/",
    "'",
    '"',
    "$$",
    "*",
    ".",
    "::",
    "=>",
    "?",
    "$1",
    "[",
    "]",
    "{",
    "}",
    "\n",
]
NAMES = [
    "rollouts",
    "lake.main.runs",
    "turn_accuracy",
    "'/etc/passwd'",
    "read_csv",
    "range(3)",
    "snapshots()",
    "1",
    "x",
]
HOSTILE = [statement for statements in ALL.values() for statement in statements if len(statement) < 200]
tokens = [f" {word} " for word in WORDS.split()] + SIGNS + NAMES
statements = st.one_of(
    pieces(tokens),
    st.sampled_from(HOSTILE),
    st.tuples(st.sampled_from(HOSTILE), st.sampled_from(HOSTILE)).map(" ".join),
    st.tuples(st.sampled_from(["SELECT ", "FROM ", "FROM (", "WITH x AS ("]), st.sampled_from(HOSTILE)).map("".join),
    hostile_text,
)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    location = LakeLocation.from_home(tmp_path_factory.mktemp("home"))
    with Lake(location) as lake:
        rollouts.append(lake, shard_rows(0, 3))
    with Lake(location, read_only=True) as lake:
        with lake.alone() as session:
            session.execute("SET GLOBAL memory_limit = '1GB'")
        lake.lock_down()
        yield lake


@fuzzed()
@given(statements)
def test_statements(locked: Lake, sql: str) -> None:
    def ask() -> None:
        try:
            check_query(sql)
            locked.query(sql)
        except (duckdb.Error, UnicodeDecodeError) as error:  # as run_query does, on one session for speed
            raise UserError(first_line(error)) from error

    answered_or_refused(ask)
    with deadline():
        assert locked.query("SELECT count(*) n FROM rollouts").to_pylist() == [{"n": 3}]


@pytest.mark.parametrize("sql", ["\U0001f600" * 50_000, "SELECT " + "(SELECT " * 2_000 + "1" + ")" * 2_000])
def test_found_by_fuzzing(tmp_path: Path, sql: str) -> None:
    assert answered_or_refused(lambda: run_query(LakeLocation.from_home(tmp_path), sql)) is None

"""Hostile problem files: valid problems, or a one-line error with file and row."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.config.choices import SourceKind
from rise_core.config.keys import Config, Fields, Problems
from rise_core.problems import ProblemSet, load_problems
from tests.fuzz.inputs import answered_or_refused, fuzzed, hostile_text, pieces

pytestmark = pytest.mark.fuzz

COLUMNS = ["question", "answer", "id", "solution", "x"]
cells = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), hostile_text, st.lists(st.integers(), max_size=2)
)
rows = st.lists(st.dictionaries(st.sampled_from(COLUMNS), cells, max_size=5), min_size=1, max_size=4)
fields = st.builds(Fields, id=st.sampled_from([None, "id", "y"]), solution=st.sampled_from([None, "solution", ""]))
SIGNS = [
    *("{", "}", "[", "]", ":", ",", '"', '"question"', '"answer"', '"\\ud800"', "1e999", "NaN", "\n", "\ufeff", "\\u"),
]


def read(train: Path, held_out: Path, fields: Fields) -> None:
    """Load two problem files as a run does; the lake can store every accepted problem."""
    problems = Problems(source=SourceKind.file, train=str(train), eval=str(held_out), fields=fields)
    check(answered_or_refused(lambda: load_problems(Config(problems=problems))))


def check(problems: ProblemSet | None) -> None:
    for problem in [*problems.train, *problems.eval] if problems else []:
        for text in (problem.problem_id, problem.problem, problem.answer, problem.solution or "x"):
            assert text.strip()
            text.encode()


def json_line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")


line = st.one_of(
    st.dictionaries(st.sampled_from(COLUMNS), cells, max_size=5).map(json_line),
    pieces(SIGNS).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=30),
)


@fuzzed()
@given(st.lists(line, max_size=5).map(b"\n".join), fields)
def test_json_lines(folder: Path, content: bytes, fields: Fields) -> None:
    (folder / "train.jsonl").write_bytes(content)
    read(folder / "train.jsonl", folder / "good.jsonl", fields)
    read(folder / "good.jsonl", folder / "train.jsonl", fields)


def parquet(rows: list[dict[str, Any]], damage: tuple[int, bytes] | None) -> bytes:
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowException, UnicodeEncodeError, OverflowError):  # of several types: as text
            columns[name] = pa.array([str(value).encode("utf-8", "surrogatepass") for value in values], pa.binary())
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    content = out.getvalue()
    if damage is None:
        return content
    position, patch = damage[0] % len(content), damage[1]
    return content[:position] + patch + content[position + max(1, len(patch)) :]


@fuzzed()
@given(rows, st.none() | st.tuples(st.integers(0, 10**6), st.binary(max_size=8)), fields)
def test_parquet(folder: Path, rows: list[dict[str, Any]], damage: tuple[int, bytes] | None, fields: Fields) -> None:
    (folder / "train.parquet").write_bytes(parquet(rows, damage))
    read(folder / "train.parquet", folder / "good.jsonl", fields)


def csv_text(rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


tables = st.one_of(
    st.lists(st.lists(hostile_text, min_size=2, max_size=3), max_size=3).map(
        lambda rows: csv_text([["question", "answer"], *rows])
    ),
    pieces(["question", "answer", ",", ";", '"', "\n", "\r", "\t", "1", "#### 1"]),
)


@fuzzed(5, share=0.1)  # `datasets` takes longer than all other targets together
@given(tables)
def test_csv(folder: Path, content: str) -> None:
    data = folder / "dataset"
    data.mkdir(exist_ok=True)
    (data / "train.csv").write_bytes(content.encode("utf-8", "surrogatepass"))
    (data / "test.csv").write_text("question,answer\nheld out,1\n")
    problems = Problems(source=SourceKind.hub, name=str(data), train="train", eval="test")
    check(answered_or_refused(lambda: load_problems(Config(problems=problems))))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets

    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "good.jsonl").write_text('{"question": "held out", "answer": "#### 1"}\n')
    return tmp_path

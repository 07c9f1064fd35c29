"""Rows with named columns become problems; a bad row is named."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rise_core.problems import load_problems
from tests.rise_core.problems.configs import file_config, refusal, rows, write_rows


def test_columns_can_be_named(tmp_path: Path) -> None:
    row = {"uid": 7, "text": "one?", "gold": 1, "steps": "think"}
    config = file_config(tmp_path, train=[row, row | {"uid": 8.5, "steps": None}])
    config.problems.fields.id, config.problems.fields.problem = "uid", "text"
    config.problems.fields.answer, config.problems.fields.solution = "gold", "steps"
    write_rows(tmp_path / "eval.jsonl", [{"uid": "a", "text": "two?", "gold": 2.5, "steps": ""}])
    problems = load_problems(config)
    assert [p.problem_id for p in problems.train] == ["7", "8.5"]
    assert [p.answer for p in problems.train + problems.eval] == ["1", "1", "2.5"]
    assert [p.solution for p in problems.train + problems.eval] == ["think", None, None]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"{broken", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"question": "q", "answer": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b"[1, 2]", "not a JSON object but a list"),
        (b"null", "not a JSON object but null"),
        (b'{"question": "q", "answer": "\xff"}', "not valid UTF-8"),
        (b'{"question": "q"}', "no column 'answer'"),
        (b'{"question": " ", "answer": "1"}', "column 'question' is empty"),
        (b'{"question": "q", "answer": ""}', "column 'answer' is empty"),
        (b'{"question": "q", "answer": null}', "must be a string or a number, not null"),
        (b'{"question": "q", "answer": true}', "must be a string or a number, not a boolean"),
        (b'{"question": "q", "answer": ["1"]}', "must be a string or a number, not a list"),
        (b'{"question": "q", "answer": NaN}', "must be a string or a number"),
        (b'{"question": "q", "answer": "\\ud800"}', "half a surrogate pair"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: bytes, complaint: str) -> None:
    good = json.dumps(rows(1)[0]).encode()
    message = refusal(file_config(tmp_path, train=good + b"\n\n" + line + b"\n"))
    assert complaint in message
    assert f"{tmp_path / 'train.jsonl'} row 3" in message


def test_a_missing_parquet_column_is_named(tmp_path: Path) -> None:
    config = file_config(tmp_path)
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"question": ["q"], "gold": ["1"]}), path)
    config.problems.train = str(path)
    assert refusal(config).startswith(f"{path} row 1 has no column 'answer' (columns: question, gold)")

"""Rows of JSON lines and Parquet files: read, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rise_core.problems import load_problems
from tests.rise_core.problems.configs import file_config, refusal, rows


def test_parquet_gives_the_same_problems(tmp_path: Path) -> None:
    config = file_config(tmp_path)
    expected = load_problems(config)
    for split in ("train", "eval"):
        table = pa.Table.from_pylist(rows(3, split))
        pq.write_table(table, tmp_path / f"{split}.parquet", row_group_size=2)
        setattr(config.problems, split, str(tmp_path / f"{split}.parquet"))
    assert load_problems(config) == expected


def test_blank_lines_are_skipped_but_counted(tmp_path: Path) -> None:
    first, second = (json.dumps(row).encode() for row in rows(2))
    problems = load_problems(file_config(tmp_path, train=b"\n" + first + b"\n  \r\n" + second))
    assert [p.problem_id for p in problems.train] == ["train-2", "train-4"]


def test_byte_order_mark_crlf_and_line_separators_are_read(tmp_path: Path) -> None:
    row = json.dumps({"question": "a\u2028b \u00e9", "answer": "1"}, ensure_ascii=False).encode()
    problems = load_problems(file_config(tmp_path, train=b"\xef\xbb\xbf" + row + b"\r\n"))
    assert problems.train[0].problem == "a\u2028b \u00e9"


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    message = refusal(file_config(tmp_path, held_out=content))
    assert str(tmp_path / "eval.jsonl") in message
    assert "holds no problem" in message


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    config = file_config(tmp_path)
    (tmp_path / "train.parquet").write_text("hello")
    config.problems.train = str(tmp_path / "train.parquet")
    assert "cannot be read as Parquet" in refusal(config)

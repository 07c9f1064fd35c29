"""Problems from JSON lines and Parquet: what is read, and what is refused with file and row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rise.core.config.keys import Config
from rise.core.problems import load_problems
from tests.rise_core.problems.refusing import refusal


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(count: int, prefix: str = "train") -> list[dict[str, Any]]:
    return [{"question": f"{prefix} question {n}", "answer": f"#### {n}"} for n in range(1, count + 1)]


def config_for(tmp_path: Path, train: Any = None, held_out: Any = None) -> Config:
    """A config on two files; `train` and `held_out` are rows, or bytes, or None for three good rows."""
    config = Config()
    for split, content in (("train", train), ("eval", held_out)):
        path = tmp_path / f"{split}.jsonl"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            write(path, rows(3, split) if content is None else content)
        setattr(config.problems, split, str(path))
    return config


def test_reads_both_splits_in_order(tmp_path: Path) -> None:
    problems = load_problems(config_for(tmp_path))
    assert [p.problem for p in problems.train] == ["train question 1", "train question 2", "train question 3"]
    assert [p.problem_id for p in problems.eval] == ["eval-1", "eval-2", "eval-3"]
    assert [p.split for p in problems.train + problems.eval] == ["train"] * 3 + ["eval"] * 3
    assert problems.train[0].answer == problems.train[0].solution == "#### 1"
    assert problems.boost == []


def test_sizes_take_the_first_rows_and_ignore_the_rest(tmp_path: Path) -> None:
    config = config_for(tmp_path, train=[*rows(3), "not an object"])
    config.problems.train_size, config.problems.eval_size = 2, 1
    problems = load_problems(config)
    assert [p.problem_id for p in problems.train] == ["train-1", "train-2"]
    assert [p.problem_id for p in problems.eval] == ["eval-1"]


def test_a_file_shorter_than_its_size_is_refused(tmp_path: Path) -> None:
    config = config_for(tmp_path)
    config.problems.train_size = 4
    assert "problems.train_size is 4" in refusal(config)
    assert "only 3 rows" in refusal(config)


def test_parquet_gives_the_same_problems(tmp_path: Path) -> None:
    config = config_for(tmp_path)
    expected = load_problems(config)
    for split in ("train", "eval"):
        table = pa.Table.from_pylist(rows(3, split))
        pq.write_table(table, tmp_path / f"{split}.parquet", row_group_size=2)
        setattr(config.problems, split, str(tmp_path / f"{split}.parquet"))
    assert load_problems(config) == expected


def test_columns_can_be_named(tmp_path: Path) -> None:
    row = {"uid": 7, "text": "one?", "gold": 1, "steps": "think"}
    config = config_for(tmp_path, train=[row, row | {"uid": 8.5, "steps": None}])
    config.problems.fields.id, config.problems.fields.problem = "uid", "text"
    config.problems.fields.answer, config.problems.fields.solution = "gold", "steps"
    write(tmp_path / "eval.jsonl", [{"uid": "a", "text": "two?", "gold": 2.5, "steps": ""}])
    problems = load_problems(config)
    assert [p.problem_id for p in problems.train] == ["7", "8.5"]
    assert [p.answer for p in problems.train + problems.eval] == ["1", "1", "2.5"]
    assert [p.solution for p in problems.train + problems.eval] == ["think", None, None]


def test_blank_lines_are_skipped_but_counted(tmp_path: Path) -> None:
    first, second = (json.dumps(row).encode() for row in rows(2))
    problems = load_problems(config_for(tmp_path, train=b"\n" + first + b"\n  \r\n" + second))
    assert [p.problem_id for p in problems.train] == ["train-2", "train-4"]


def test_byte_order_mark_crlf_and_line_separators_are_read(tmp_path: Path) -> None:
    row = json.dumps({"question": "a\u2028b \u00e9", "answer": "1"}, ensure_ascii=False).encode()
    problems = load_problems(config_for(tmp_path, train=b"\xef\xbb\xbf" + row + b"\r\n"))
    assert problems.train[0].problem == "a\u2028b \u00e9"


def test_files_of_one_name_get_distinct_ids(tmp_path: Path) -> None:
    config = Config()
    for split in ("train", "eval"):
        (tmp_path / split).mkdir()
        setattr(config.problems, split, str(write(tmp_path / split / "data.jsonl", rows(1, split))))
    problems = load_problems(config)
    assert [p.problem_id for p in problems.train + problems.eval] == ["train-data-1", "eval-data-1"]


def test_repeated_texts_within_training_are_allowed(tmp_path: Path) -> None:
    assert len(load_problems(config_for(tmp_path, train=rows(1) * 2)).train) == 2


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
    message = refusal(config_for(tmp_path, train=good + b"\n\n" + line + b"\n"))
    assert complaint in message
    assert f"{tmp_path / 'train.jsonl'} row 3" in message


def test_a_missing_parquet_column_is_named(tmp_path: Path) -> None:
    config = config_for(tmp_path)
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"question": ["q"], "gold": ["1"]}), path)
    config.problems.train = str(path)
    assert refusal(config).startswith(f"{path} row 1 has no column 'answer' (columns: question, gold)")


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    message = refusal(config_for(tmp_path, held_out=content))
    assert str(tmp_path / "eval.jsonl") in message
    assert "holds no problem" in message


def test_missing_files_folders_and_keys_are_refused(tmp_path: Path) -> None:
    config = config_for(tmp_path)
    config.problems.eval = None
    assert "problems.eval is not set" in refusal(config)
    config.problems.eval = str(tmp_path / "nowhere.jsonl")
    assert refusal(config) == f"problems.eval: {tmp_path / 'nowhere.jsonl'} does not exist; name a problem file"
    config.problems.eval = str(tmp_path)
    assert "is not a file" in refusal(config)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    config = config_for(tmp_path)
    (tmp_path / "train.parquet").write_text("hello")
    config.problems.train = str(tmp_path / "train.parquet")
    assert "cannot be read as Parquet" in refusal(config)


def test_repeated_ids_name_both_rows(tmp_path: Path) -> None:
    config = config_for(tmp_path, train=[row | {"id": n % 2} for n, row in enumerate(rows(3))])
    write(tmp_path / "eval.jsonl", [row | {"id": 9} for row in rows(1, "eval")])
    config.problems.fields.id = "id"
    message = refusal(config)
    assert "'0'" in message
    assert "train.jsonl row 3 repeats" in message
    assert "train.jsonl row 1" in message


def test_ids_must_differ_between_the_splits(tmp_path: Path) -> None:
    config = config_for(tmp_path, [rows(1)[0] | {"id": "x"}], [rows(1, "eval")[0] | {"id": "x"}])
    config.problems.fields.id = "id"
    message = refusal(config)
    assert "eval.jsonl row 1 repeats id 'x'" in message
    assert "train.jsonl row 1" in message


def test_a_held_out_problem_that_is_trained_on_names_both_rows(tmp_path: Path) -> None:
    leak = {"question": "  TRAIN question\n2 ", "answer": "other"}
    message = refusal(config_for(tmp_path, held_out=[*rows(1, "eval"), leak]))
    assert "eval.jsonl row 2" in message
    assert "train.jsonl row 2" in message


def test_a_leak_beyond_the_rows_that_are_used_does_not_matter(tmp_path: Path) -> None:
    config = config_for(tmp_path, held_out=[*rows(1, "eval"), rows(1)[0]])
    config.problems.eval_size = 1
    assert len(load_problems(config).eval) == 1


def test_boost_takes_the_first_worked_training_problems(tmp_path: Path) -> None:
    config = config_for(tmp_path, train=[row | {"steps": ["", "b", None, "d"][n]} for n, row in enumerate(rows(4))])
    config.problems.fields.solution = "steps"
    config.boost.problems = 2
    assert [p.solution for p in load_problems(config).boost] == ["b", "d"]
    config.boost.problems = 3
    assert "boost.problems is 3, but only 2 of the 4" in refusal(config)


def test_real_gsm8k(data_dir: Path) -> None:
    config = Config()
    config.problems.train = str(data_dir / "gsm8k_train.jsonl")
    config.problems.eval = str(data_dir / "gsm8k_test_first300.jsonl")
    config.boost.problems = 100
    problems = load_problems(config)
    assert (len(problems.train), len(problems.eval), len(problems.boost)) == (7473, 300, 100)
    assert problems.train[-1].problem_id == "gsm8k_train-7473"
    config.problems.eval = config.problems.train
    assert "trained on" in refusal(config)

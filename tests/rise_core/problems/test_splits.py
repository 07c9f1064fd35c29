"""Both splits together: sizes, ids, leaks and the problems for boosting."""

from __future__ import annotations

from pathlib import Path

from rise_core.config.keys import Config
from rise_core.problems import load_problems
from tests.rise_core.problems.configs import file_config, refusal, rows, write_rows


def test_sizes_take_the_first_rows_and_ignore_the_rest(tmp_path: Path) -> None:
    config = file_config(tmp_path, train=[*rows(3), "not an object"])
    config.problems.train_size, config.problems.eval_size = 2, 1
    problems = load_problems(config)
    assert [p.problem_id for p in problems.train] == ["train-1", "train-2"]
    assert [p.problem_id for p in problems.eval] == ["eval-1"]


def test_a_file_shorter_than_its_size_is_refused(tmp_path: Path) -> None:
    config = file_config(tmp_path)
    config.problems.train_size = 4
    assert "problems.train_size is 4" in refusal(config)
    assert "only 3 rows" in refusal(config)


def test_files_of_one_name_get_distinct_ids(tmp_path: Path) -> None:
    config = Config()
    for split in ("train", "eval"):
        (tmp_path / split).mkdir()
        setattr(config.problems, split, str(write_rows(tmp_path / split / "data.jsonl", rows(1, split))))
    problems = load_problems(config)
    assert [p.problem_id for p in problems.train + problems.eval] == ["train-data-1", "eval-data-1"]


def test_repeated_texts_within_training_are_allowed(tmp_path: Path) -> None:
    assert len(load_problems(file_config(tmp_path, train=rows(1) * 2)).train) == 2


def test_repeated_ids_name_both_rows(tmp_path: Path) -> None:
    config = file_config(tmp_path, train=[row | {"id": n % 2} for n, row in enumerate(rows(3))])
    write_rows(tmp_path / "eval.jsonl", [row | {"id": 9} for row in rows(1, "eval")])
    config.problems.fields.id = "id"
    message = refusal(config)
    assert "'0'" in message
    assert "train.jsonl row 3 repeats" in message
    assert "train.jsonl row 1" in message


def test_ids_must_differ_between_the_splits(tmp_path: Path) -> None:
    config = file_config(tmp_path, [rows(1)[0] | {"id": "x"}], [rows(1, "eval")[0] | {"id": "x"}])
    config.problems.fields.id = "id"
    message = refusal(config)
    assert "eval.jsonl row 1 repeats id 'x'" in message
    assert "train.jsonl row 1" in message


def test_a_held_out_problem_that_is_trained_on_names_both_rows(tmp_path: Path) -> None:
    leak = {"question": "  TRAIN question\n2 ", "answer": "other"}
    message = refusal(file_config(tmp_path, held_out=[*rows(1, "eval"), leak]))
    assert "eval.jsonl row 2" in message
    assert "train.jsonl row 2" in message


def test_a_leak_beyond_the_rows_that_are_used_does_not_matter(tmp_path: Path) -> None:
    config = file_config(tmp_path, held_out=[*rows(1, "eval"), rows(1)[0]])
    config.problems.eval_size = 1
    assert len(load_problems(config).eval) == 1


def test_boost_takes_the_first_worked_training_problems(tmp_path: Path) -> None:
    config = file_config(tmp_path, train=[row | {"steps": ["", "b", None, "d"][n]} for n, row in enumerate(rows(4))])
    config.problems.fields.solution = "steps"
    config.boost.problems = 2
    assert [p.solution for p in load_problems(config).boost] == ["b", "d"]
    config.boost.problems = 3
    assert "boost.problems is 3, but only 2 of the 4" in refusal(config)

"""Problem files by the keys of the config: both splits, in order."""

from __future__ import annotations

from pathlib import Path

from rise_core.config.keys import Config
from rise_core.problems import load_problems
from tests.rise_core.problems.configs import file_config, refusal


def test_reads_both_splits_in_order(tmp_path: Path) -> None:
    problems = load_problems(file_config(tmp_path))
    assert [p.problem for p in problems.train] == ["train question 1", "train question 2", "train question 3"]
    assert [p.problem_id for p in problems.eval] == ["eval-1", "eval-2", "eval-3"]
    assert [p.split for p in problems.train + problems.eval] == ["train"] * 3 + ["eval"] * 3
    assert problems.train[0].answer == problems.train[0].solution == "#### 1"
    assert problems.boost == []


def test_missing_files_folders_and_keys_are_refused(tmp_path: Path) -> None:
    config = file_config(tmp_path)
    config.problems.eval = None
    assert "problems.eval is not set" in refusal(config)
    config.problems.eval = str(tmp_path / "nowhere.jsonl")
    assert refusal(config) == f"problems.eval: {tmp_path / 'nowhere.jsonl'} does not exist; name a problem file"
    config.problems.eval = str(tmp_path)
    assert "is not a file" in refusal(config)


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

"""The inputs that the command checks are the inputs that the flow in the same process runs on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.run.inputs import check_inputs
from tests.flows.command import TINY


def test_the_flow_reads_the_problems_that_the_command_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISE_HOME", str(tmp_path))
    checked = check_inputs("r", TINY, ["seed=1"])

    assert check_inputs("r", TINY, ["seed=1"]).problems is checked.problems, "drawn once: it takes seconds"
    assert check_inputs("r", TINY, ["seed=2"]).problems != checked.problems


def test_a_problem_file_that_was_edited_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISE_HOME", str(tmp_path))
    for split in ("train", "eval"):
        (tmp_path / f"{split}.jsonl").write_text(json.dumps({"question": f"{split} ?", "answer": "#### 1"}) + "\n")
    keys = ["problems.source=file", "problems.name=null", "problems.params={}", "problems.train_size=null"]
    keys += ["problems.eval_size=null", "verify.verifier=gsm8k", "boost.problems=1", "collect.problems=null"]
    keys += [f"problems.{split}={tmp_path}/{split}.jsonl" for split in ("train", "eval")]
    assert [problem.problem for problem in check_inputs("r", TINY, keys).problems.train] == ["train ?"]

    (tmp_path / "train.jsonl").write_text(json.dumps({"question": "edited ?", "answer": "#### 2"}) + "\n")

    assert [problem.problem for problem in check_inputs("r", TINY, keys).problems.train] == ["edited ?"]

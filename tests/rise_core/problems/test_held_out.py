"""Held-out problems alone; problems of the run's training are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rise_core.config.load import load_config
from rise_core.errors import UserError
from rise_core.problems import load_problems
from rise_core.problems.held_out import check_untrained, load_held_out
from rise_core.records import Problem

SMALL = ["problems.train_size=30", "problems.eval_size=12", "boost.problems=20"]


def test_a_generators_held_out_problems_do_not_depend_on_its_training_problems() -> None:
    config = load_config("demo", SMALL)
    problems = load_problems(config)
    assert load_held_out(config) == problems.eval
    more = load_held_out(load_config("demo", [*SMALL, "problems.eval_size=40"]))
    assert more[:12] == problems.eval
    check_untrained(more, problems.train + problems.boost)


def test_a_file_of_held_out_problems_needs_no_training_file(tmp_path: Path) -> None:
    path = tmp_path / "held.jsonl"
    path.write_text("\n".join(json.dumps({"question": f"{i} + 1?", "answer": str(i + 1)}) for i in range(3)))
    config = load_config("demo", ["problems.source=file", f"problems.eval={path}", "problems.eval_size=null"])
    assert [(p.problem_id, p.problem, p.answer, p.split) for p in load_held_out(config)] == [
        (f"held-{i + 1}", f"{i} + 1?", str(i + 1), "eval") for i in range(3)
    ]
    path.write_text('{"question": "1 + 1?"}')
    with pytest.raises(UserError, match=r"held\.jsonl row 1"):
        load_held_out(config)


def test_a_hub_dataset_of_held_out_problems_needs_no_training_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    split = tmp_path / "data" / "test.jsonl"
    split.parent.mkdir()
    split.write_text('{"question": "3 + 4?", "answer": "7"}\n{"question": "5 + 4?", "answer": "9"}\n')
    hub = ["problems.source=hub", f"problems.name={split.parent}", "problems.params={}", "problems.eval=test"]
    config = load_config("demo", [*hub, "problems.eval_size=null"])
    assert [(p.problem_id, p.problem, p.answer, p.split) for p in load_held_out(config)] == [
        ("test-1", "3 + 4?", "7", "eval"),
        ("test-2", "5 + 4?", "9", "eval"),
    ]
    split.write_text('{"question": "3 + 4?"}\n')
    with pytest.raises(UserError, match="split test row 1 has no column 'answer'"):
        load_held_out(config)


def test_a_problem_that_the_run_trains_on_is_refused() -> None:
    trained = [Problem("t1", "train", "What is  1 + 1?", "2"), Problem("t2", "train", "2 + 2?", "4")]
    fine = Problem("h1", "eval", "3 + 3?", "6")
    check_untrained([fine], trained)
    with pytest.raises(UserError) as caught:
        check_untrained([fine, Problem("h2", "eval", "what is 1 + 1?", "2")], trained)
    assert "1 of the 2" in str(caught.value)
    assert "'h2'" in str(caught.value)
    assert "'t1'" in str(caught.value)

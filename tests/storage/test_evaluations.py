from __future__ import annotations

import pytest

from rise.core.records import Problem
from rise.storage import evaluations
from rise.storage.evaluations import EvaluationRecord
from rise.storage.lake import KeyExists, Lake
from rise.storage.runs import read_problems, write_problems


def test_a_splits_settings_and_problems_are_one_version(lake: Lake) -> None:
    write_problems(lake, "r1", [Problem("p", "eval", "1 + 1?", "2")])
    record = EvaluationRecord("r1", "wide", "eval: {samples: 20}\n")
    problems = [Problem("p", "wide", "1 + 1?", "2", metadata={"n": 1}), Problem("a", "wide", "2 + 2?", "4")]
    before = lake.version()
    assert evaluations.get(lake, "r1", "wide") is None
    assert evaluations.create(lake, record, problems) == before + 1
    assert evaluations.get(lake, "r1", "wide") == record
    assert evaluations.get(lake, "r2", "wide") is None
    assert read_problems(lake, "r1", "wide") == problems
    assert [p.problem_id for p in read_problems(lake, "r1", "eval")] == ["p"]
    with pytest.raises(KeyExists, match="split wide of run r1"):
        evaluations.create(lake, record, problems)
    assert read_problems(lake, "r1", "wide") == problems

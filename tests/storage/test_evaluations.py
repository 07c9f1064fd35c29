"""A split's settings and problems share a commit."""

from __future__ import annotations

import pytest

from rise_core.errors import KeyExists
from rise_core.records import Problem
from storage import evaluations, problem_rows
from storage.evaluations import EvaluationRecord
from storage.lake import Lake


def test_a_splits_settings_and_problems_are_one_version(lake: Lake) -> None:
    problem_rows.append(lake, "r1", [Problem("p", "eval", "1 + 1?", "2")])
    record = EvaluationRecord("r1", "wide", "eval: {samples: 20}\n")
    problems = [Problem("p", "wide", "1 + 1?", "2", metadata={"n": 1}), Problem("a", "wide", "2 + 2?", "4")]
    before = lake.version()
    assert evaluations.find(lake, "r1", "wide") is None
    assert evaluations.append(lake, record, problems) == before + 1
    assert evaluations.find(lake, "r1", "wide") == record
    assert evaluations.find(lake, "r2", "wide") is None
    assert problem_rows.read(lake, "r1", "wide") == problems
    assert [p.problem_id for p in problem_rows.read(lake, "r1", "eval")] == ["p"]
    with pytest.raises(KeyExists, match="split wide of run r1"):
        evaluations.append(lake, record, problems)
    assert problem_rows.read(lake, "r1", "wide") == problems

"""Problems keep order and content."""

from __future__ import annotations

import pytest

from rise_core.errors import KeyExists
from rise_core.records import Problem
from storage import problem_rows
from storage.lake import Lake


def test_problems_keep_their_order_and_content(lake: Lake) -> None:
    problems = [
        Problem("z", "train", "1 + 1?", "#### 2", solution="two", metadata={"n": [1, 2.5], "s": "ü"}),
        Problem("a", "train", "2 + 2?", "#### 4"),
        Problem("a", "eval", "3 + 3?", "#### 6"),
    ]
    problem_rows.append(lake, "r1", problems)
    assert problem_rows.read(lake, "r1", "train") == problems[:2]
    assert problem_rows.read(lake, "r1", "eval") == problems[2:]
    assert problem_rows.read(lake, "r2", "eval") == []
    with pytest.raises(KeyExists):
        problem_rows.append(lake, "r1", problems)

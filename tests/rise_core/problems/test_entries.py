"""Entries as problems: stored as JSON, left out without an answer, refused with the scorer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from reasoning_gym.factory import DATASETS, ProceduralDataset

from rise_core.errors import UserError
from rise_core.problems.drawing import draw_problems
from rise_core.records import Verdict
from rise_core.verifiers import get
from tests.rise_core.problems.configs import draw_stored, generator_config


def test_a_problem_whose_right_answer_is_to_write_nothing_is_left_out() -> None:
    problems = draw_stored("ab", train=60, held_out=15)
    assert all(problem.answer.strip() for problem in problems)
    numbers = [int(problem.problem_id.removeprefix("ab-")) for problem in problems]
    assert set(range(max(numbers) + 1)) - set(numbers), "some were left out"


@dataclass
class TableConfig:
    """A generator with a table by number."""

    seed: int | None = None
    size: int = 500


class TableDataset(ProceduralDataset):  # type: ignore[misc]  # reasoning-gym ships no types
    """A scorer with a look-up by number; JSON turns the keys into texts."""

    def __init__(self, config: TableConfig) -> None:
        super().__init__(config=config, seed=config.seed, size=config.size)

    def __getitem__(self, idx: int) -> dict[str, Any]:
        return {"question": f"q{idx} ?", "answer": "5", "metadata": {"table": {5: True}}}

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        return float(entry["metadata"]["table"].get(int(answer or 0), False))


def test_a_generator_whose_stored_problems_cannot_be_graded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "table", (TableDataset, TableConfig))
    with pytest.raises(UserError, match="its scorer refuses its own answer to problem table-0 once that is stored as"):
        draw_problems(generator_config("table", train=2, held_out=1))


class RowDataset(TableDataset):
    """A scorer with a look-up by tuple; JSON turns the tuple into a list."""

    def __getitem__(self, idx: int) -> dict[str, Any]:
        return {"question": f"q{idx} ?", "answer": "5", "metadata": {"row": (1, 2)}}

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        return float({(1, 2): "5"}.get(entry["metadata"]["row"]) == answer)


def test_a_scorer_that_raises_on_lists_gets_its_tuples_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "row", (RowDataset, TableConfig))
    problem = draw_stored("row")[0]
    grades = [get("reasoning_gym").grade(answer, problem).verdict for answer in ("5", "6")]
    assert grades == [Verdict.CORRECT, Verdict.WRONG]


class BrokenDataset(RowDataset):
    """A scorer with an exception for every stored entry."""

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        return float({(1, 2): "5"}[(*entry["metadata"]["row"], 3)] == answer)


def test_a_generator_whose_scorer_raises_on_its_own_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "broken", (BrokenDataset, TableConfig))
    with pytest.raises(UserError, match="its scorer refuses its own answer to problem broken-0"):
        draw_problems(generator_config("broken", train=2, held_out=1))

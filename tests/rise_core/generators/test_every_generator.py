"""Every generator of reasoning-gym: its stored problems are graded rightly by its own scorer, or it is refused."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from reasoning_gym.factory import DATASETS, ProceduralDataset

from rise.core.errors import UserError
from rise.core.problems import load_problems
from rise.core.problems.drawing import draw_problems
from rise.core.records import Problem, Verdict
from rise.core.verifiers import get
from tests.rise_core.problems.test_generated import config_for

USING = Path(__file__).resolve().parents[3] / "docs" / "using.md"
REFUSED = {
    "codeio": "it executes the programs of its data set, which give other problems in every process",
    "composite": "it mixes other generators, which problems.params cannot hold",
}
ACCEPTS = {"coin_flip": "0", "game_of_life_halting": "no such answer"}  # what the library's scorer takes for right
# Families without a reference answer: the key of the entry's example of a right one, or a right answer of a problem.
EXAMPLES = {
    "graph_color": "possible_answer",
    "propositional_logic": "example_answer",
    "rubiks_cube": "example_correct_answer",
}
SOLVED = {
    "boxnet-1": '[{"Agent[0.5, 1.5]": "move(box_red, target_red)", "Agent[1.5, 0.5]": "move(box_green, target_green)",'
    ' "Agent[1.5, 1.5]": "move(box_blue, target_blue)"}]',
    "rush_hour-0": "C+1 H-2 D+2 G+1 A+1 E+1 B-1 H-2 A+3",
}


def drawn(name: str, train: int = 2, held_out: int = 1) -> list[Problem]:
    """Problems of a generator as they come back from the lake; drawn here, since a process for each takes long."""
    problems = draw_problems(config_for(name, train=train, held_out=held_out))
    assert (len(problems.train), len(problems.eval)) == (train, held_out)
    return [Problem(**json.loads(json.dumps(asdict(problem)))) for problem in problems.train + problems.eval]


def right_answer(name: str, problem: Problem) -> str | None:
    """The gold answer, or else an example of a right one, as far as there is one."""
    if problem.solution is not None:
        return problem.answer
    if name not in EXAMPLES:
        return SOLVED.get(problem.problem_id)
    example = problem.metadata["entry"]["metadata"][EXAMPLES[name]]
    return example if isinstance(example, str) else json.dumps(example)


@pytest.mark.parametrize("name", sorted(DATASETS.keys() - REFUSED.keys()))
def test_its_own_answer_is_correct_and_nonsense_is_not(name: str) -> None:
    graded = []
    for problem in drawn(name):
        right = right_answer(name, problem)
        if right is not None:
            graded.append(get("reasoning_gym").grade(right, problem).verdict)
        nonsense = get("reasoning_gym").grade("no such answer", problem)
        if name != "game_of_life_halting":
            assert (nonsense.verdict, nonsense.reward) in [(Verdict.WRONG, 0.0), (Verdict.NO_ANSWER, 0.0)]
    assert set(graded) == {Verdict.CORRECT}


@pytest.mark.parametrize("name", REFUSED)
def test_a_generator_that_cannot_be_used_says_why(name: str) -> None:
    with pytest.raises(UserError) as caught:
        load_problems(config_for(name, train=2, held_out=1))
    reason = f"generator {name} (problems.name) cannot be used: {REFUSED[name]}; choose another one"
    assert str(caught.value) == f"config: {reason}"


@pytest.mark.parametrize(("name", "nonsense"), ACCEPTS.items())
def test_two_scorers_take_nonsense(name: str, nonsense: str) -> None:
    for problem in drawn(name):
        assert problem.answer != nonsense
        assert get("reasoning_gym").grade(nonsense, problem).verdict is Verdict.CORRECT


def test_the_page_names_those_that_are_refused_or_take_nonsense() -> None:
    page = USING.read_text("utf-8")
    assert [name for name in (*REFUSED, *ACCEPTS) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", ["isomorphic_strings", "list_functions"])  # by the order of sets; by shared randomness
def test_every_process_draws_the_same_problems_however_many(name: str) -> None:
    whole, fewer = (load_problems(config_for(name, train=train, held_out=3)) for train in (12, 9))
    assert (whole.train[:9], whole.eval) == (fewer.train, fewer.eval)


def test_a_process_that_dies_while_it_draws_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(UserError, match=r"^config: generator chain_sum .* ended with exit code 1, for the reason"):
        load_problems(config_for("chain_sum", train=2, held_out=1))


def test_a_problem_whose_right_answer_is_to_write_nothing_is_left_out() -> None:
    problems = drawn("ab", train=60, held_out=15)
    assert all(problem.answer.strip() for problem in problems)
    numbers = [int(problem.problem_id.removeprefix("ab-")) for problem in problems]
    assert set(range(max(numbers) + 1)) - set(numbers), "some were left out"


@dataclass
class TableConfig:
    """A generator with a table by number."""

    seed: int | None = None
    size: int = 500


class TableDataset(ProceduralDataset):  # type: ignore[misc]  # reasoning-gym ships no types
    """Its scorer looks a number up; JSON makes the keys texts."""

    def __init__(self, config: TableConfig) -> None:
        super().__init__(config=config, seed=config.seed, size=config.size)

    def __getitem__(self, idx: int) -> dict[str, Any]:
        return {"question": f"q{idx} ?", "answer": "5", "metadata": {"table": {5: True}}}

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        return float(entry["metadata"]["table"].get(int(answer or 0), False))


def test_a_generator_whose_stored_problems_cannot_be_graded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "table", (TableDataset, TableConfig))
    with pytest.raises(UserError, match="its scorer refuses its own answer to problem table-0 once that is stored as"):
        draw_problems(config_for("table", train=2, held_out=1))


class RowDataset(TableDataset):
    """Its scorer looks a row up, which is a tuple until JSON makes a list of it."""

    def __getitem__(self, idx: int) -> dict[str, Any]:
        return {"question": f"q{idx} ?", "answer": "5", "metadata": {"row": (1, 2)}}

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        return float({(1, 2): "5"}.get(entry["metadata"]["row"]) == answer)


def test_a_scorer_that_raises_on_lists_gets_its_tuples_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "row", (RowDataset, TableConfig))
    problem = drawn("row")[0]
    grades = [get("reasoning_gym").grade(answer, problem).verdict for answer in ("5", "6")]
    assert grades == [Verdict.CORRECT, Verdict.WRONG]


class BrokenDataset(RowDataset):
    """Its scorer raises on every stored entry."""

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        return float({(1, 2): "5"}[(*entry["metadata"]["row"], 3)] == answer)


def test_a_generator_whose_scorer_raises_on_its_own_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "broken", (BrokenDataset, TableConfig))
    with pytest.raises(UserError, match="its scorer refuses its own answer to problem broken-0"):
        draw_problems(config_for("broken", train=2, held_out=1))

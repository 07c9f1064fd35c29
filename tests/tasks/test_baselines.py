"""The baselines that train, by the examples that they choose and the weights that these are trained with."""

from __future__ import annotations

import json
from math import exp
from pathlib import Path

import pytest

from rise_core.config.choices import PolicyKind
from rise_core.method.episode import collection_plan
from rise_core.records import Example, TrainRow
from tasks.fine_tune import read_spec
from tasks.run.context import RunContext
from tasks.run.work import open_units
from tasks.sample_turns import sample_turns
from tasks.verify_answers import verify_answers
from tests.rise_core.training.read_rows import read_rows
from tests.tasks.rehearsed import TINY, Script, choose, collect, rehearsed

Key = tuple[str, int, int]  # problem id, turn, sample
# Five samples a problem: as many as the profile's turns of one and of four draw together.
FIRST_TURNS: Script = {
    "train-1": [["#### 11", "no", "#### 1", "#### 1 #### 1", "#### 1"]],
    "train-2": [["#### 2", "#### 12", "#### 2 #### 2", "no", "no"]],
    "train-3": [["no", "#### 13", "no", "#### 14", "#### 3"]],
    "train-4": [["#### 15", "#### 16", "#### 17", "#### 18", "#### 19"]],  # all wrong
    "train-5": [["no", "no", "no", "no", "no"]],  # no answer at all
}


def trained_on(context: RunContext, chosen: list[Example]) -> dict[Key, float]:
    """The weights that the examples are trained with: one row for each, with loss on its response alone."""
    rows: list[TrainRow] = read_rows(read_spec(context, 1).rows_path)
    assert [row.ids for row in rows] == [[*e.state_ids, *e.response_ids] for e in chosen]
    assert [row.mask for row in rows] == [[False] * len(e.state_ids) + [True] * len(e.response_ids) for e in chosen]
    return {(e.problem_id, e.turn, e.sample): row.weight for e, row in zip(chosen, rows, strict=True)}


def test_rft_learns_from_one_right_first_turn_a_problem(tmp_path: Path) -> None:
    with rehearsed(tmp_path, profile=f"{TINY}+rft") as context:
        assert collection_plan(context.config).samples == (5,)
        collect(context, 1, FIRST_TURNS)
        chosen = choose(context)
        weights = trained_on(context, chosen)
    assert weights == pytest.approx({("train-1", 1, 2): 1.0, ("train-2", 1, 0): 1.0, ("train-3", 1, 4): 1.0})
    assert [e.weight for e in chosen] == pytest.approx([exp(1 / 0.4)] * 3), "the lake has them as they were paid"


def test_rft_of_the_demo_weighs_a_guess_by_its_quarter(tmp_path: Path) -> None:
    family = ["problems.source=reasoning_gym", "problems.name=digit_chain", "problems.train_size=3"]
    family += ["problems.eval_size=1", "verify.verifier=reasoning_gym", "train.threads=1"]
    with rehearsed(tmp_path, *family, profile="demo+rft") as context:
        hit, guess, miss = context.workload.problems.train
        wrong = "3" if miss.answer == "4" else "4"
        script: Script = {
            hit.problem_id: [[trial(hit.answer, 1), trial(hit.answer, 0), trial(hit.answer, 0)]],
            guess.problem_id: [["no", trial(guess.answer, 2), trial(guess.answer, 3)]],
            miss.problem_id: [[trial(wrong, 0), "no", "no"]],
        }
        collect(context, 1, script)
        weights = trained_on(context, choose(context))
    paid = {(hit.problem_id, 1, 1): exp(1 / 0.4), (guess.problem_id, 1, 1): exp(0.25 / 0.4)}
    mean = sum(paid.values()) / 2
    assert weights == pytest.approx({key: weight / mean for key, weight in paid.items()})


def trial(digit: str, end: int) -> str:
    """The digit named after its trial, which leads to `end`: to 0 in a hit."""
    return f"try {digit} 1 1 1 1 1 1 {end} so {digit}"


def gold_turns(context: RunContext) -> list[Example]:
    """The examples of iteration 1 where the turns need no engine."""
    units = open_units(context, 1, [collection_plan(context.config)])
    assert {unit.turn for unit in units} == {1}
    context.answering.start({PolicyKind.gold}, context.checkpoint(0))
    for unit in units:
        verify_answers.fn(context, unit, sample_turns.fn(context, unit))
    assert context.answering.engines is None
    return choose(context)


def test_sft_learns_every_worked_solution_alike(tmp_path: Path) -> None:
    with rehearsed(tmp_path, profile=f"{TINY}+sft") as context:
        chosen = gold_turns(context)
        weights = trained_on(context, chosen)
        learnt = {e.problem_id: context.renderer.tokenizer.decode(e.response_ids) for e in chosen}
    assert learnt == {f"train-{n}": f"#### {n} <end>" for n in range(1, 8)}
    assert weights == pytest.approx({(f"train-{n}", 1, 0): 1.0 for n in range(1, 8)})


def test_sft_keeps_a_solution_that_the_verifier_does_not_read(tmp_path: Path) -> None:
    worked = tmp_path / "worked.jsonl"
    solutions = {1: "#### 1", 2: "5 #### 2", 3: "3"}
    rows = [{"question": f"q{n} ?", "answer": f"#### {n}", "worked": text} for n, text in solutions.items()]
    worked.write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = [f"problems.train={worked}", "problems.fields.solution=worked", "boost.problems=3"]
    with rehearsed(tmp_path, *own, profile=f"{TINY}+sft") as context:
        chosen = gold_turns(context)
        weights = trained_on(context, chosen)
        learnt = {e.problem_id: context.renderer.tokenizer.decode(e.response_ids) for e in chosen}
    assert learnt == {f"worked-{n}": f"{text} <end>" for n, text in solutions.items()}
    assert [e.reward for e in chosen] == [1.0, 1.0, -1.0]
    mean = (2 * exp(1 / 0.4) + exp(-1 / 0.4)) / 3
    assert list(weights.values()) == pytest.approx([exp(e.reward / 0.4) / mean for e in chosen])

"""Every generator of reasoning-gym: its own scorer grades its stored problems rightly."""

from __future__ import annotations

import json

import pytest
from reasoning_gym.factory import DATASETS

from rise_core.problems.drawing import draw_problems
from rise_core.records import Problem, Verdict
from rise_core.verifiers import get
from tests.rise_core.generators.test_registry import ACCEPTS, REFUSED
from tests.rise_core.problems.configs import draw_stored, generator_config

# Families without a gold answer: the metadata key of a right example, or the right answer of one problem.
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


def right_answer(name: str, problem: Problem) -> str | None:
    """Return the gold answer, or else a known right answer; None without either."""
    if problem.solution is not None:
        return problem.answer
    if name not in EXAMPLES:
        return SOLVED.get(problem.problem_id)
    example = problem.metadata["entry"]["metadata"][EXAMPLES[name]]
    return example if isinstance(example, str) else json.dumps(example)


@pytest.mark.parametrize("name", sorted(DATASETS.keys() - REFUSED.keys()))
def test_its_own_answer_is_correct_and_nonsense_is_not(name: str) -> None:
    graded = []
    for problem in draw_stored(name):
        right = right_answer(name, problem)
        if right is not None:
            graded.append(get("reasoning_gym").grade(right, problem).verdict)
        nonsense = get("reasoning_gym").grade("no such answer", problem)
        if name != "game_of_life_halting":
            assert (nonsense.verdict, nonsense.reward) in [(Verdict.WRONG, 0.0), (Verdict.NO_ANSWER, 0.0)]
    assert set(graded) == {Verdict.CORRECT}


@pytest.mark.parametrize(("name", "nonsense"), ACCEPTS.items())
def test_two_scorers_take_nonsense(name: str, nonsense: str) -> None:
    for problem in draw_stored(name):
        assert problem.answer != nonsense
        assert get("reasoning_gym").grade(nonsense, problem).verdict is Verdict.CORRECT


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("basic_arithmetic", "no number"),
        ("leg_counting", "-1"),
        ("letter_counting", "-1"),
        ("number_sorting", "['a']"),
        ("prime_factorization", "0"),
        ("spell_backward", "?"),
        ("maze", "-1"),
        ("propositional_logic", "nothing follows"),
        ("family_relationships", "nobody"),
        ("simple_equations", "-0.5"),
    ],
)
def test_every_kind_of_generator_grades_its_own_answer_and_a_wrong_one(name: str, wrong: str) -> None:
    problems = draw_problems(generator_config(name, train=4, held_out=2))
    assert (len(problems.train), len(problems.eval)) == (4, 2)
    for problem in problems.train + problems.eval:
        right = get("reasoning_gym").grade(f"It is <answer>{problem.answer}</answer>", problem)
        if problem.solution is not None:
            assert (right.verdict, right.reward) == ("correct", 1.0)
        other = get("reasoning_gym").grade(wrong, problem)
        assert (other.verdict, other.reward) == ("wrong", 0.0)

"""Problems from generators: distinct, deterministic, never on both sides of the split."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from typing import Any

import pytest

from rise.core.config.choices import SourceKind
from rise.core.config.keys import Config
from rise.core.generators.digit_chain import GUESS
from rise.core.problems import ProblemSet, load_problems
from rise.core.problems.drawing import draw_problems
from rise.core.records import Verdict
from rise.core.verifiers import get
from tests.rise_core.problems.refusing import refusal


def config_for(
    name: str | None = "subset_sum", train: int | None = 60, held_out: int | None = 20, **params: Any
) -> Config:
    config = Config()
    config.problems.source = SourceKind.reasoning_gym
    config.problems.name, config.problems.params = name, params
    config.problems.train_size, config.problems.eval_size = train, held_out
    return config


def identities(problems: ProblemSet, split: str) -> set[tuple[Any, ...]]:
    entries = [problem.metadata["entry"]["metadata"] for problem in getattr(problems, split)]
    return {(*sorted(entry["numbers"]), entry["target"]) for entry in entries}


def test_sizes_ids_and_solutions() -> None:
    config = config_for()
    config.boost.problems = 100
    problems = load_problems(config)
    assert (len(problems.train), len(problems.eval), len(problems.boost)) == (60, 20, 100)
    everything = problems.train + problems.eval + problems.boost
    assert len({problem.problem_id for problem in everything}) == 180
    assert all(problem.problem_id.startswith("subset_sum-") for problem in everything)
    assert {problem.split for problem in problems.train + problems.boost} == {"train"}
    assert {problem.split for problem in problems.eval} == {"eval"}
    assert all(problem.solution == problem.answer for problem in everything)


def test_train_boost_and_eval_share_no_problem() -> None:
    config = config_for(train=2000, held_out=500, count=3, low=1, high=30)
    config.boost.problems = 2000
    problems = load_problems(config)
    train, held_out, boost = (identities(problems, split) for split in ("train", "eval", "boost"))
    assert (len(train), len(held_out), len(boost)) == (2000, 500, 2000)
    assert not train & held_out
    assert not train & boost
    assert not boost & held_out


def test_the_split_holds_over_seeds_and_sizes() -> None:
    config = config_for(train=1500, held_out=300, count=3, low=1, high=20)
    first = load_problems(config)
    config.seed, config.problems.train_size = 1, 1400
    second = load_problems(config)
    assert first.train[:10] != second.train[:10]
    assert not identities(first, "train") & identities(second, "eval")
    assert not identities(first, "eval") & identities(second, "train")


def test_the_same_config_gives_the_same_problems() -> None:
    assert load_problems(config_for()) == load_problems(config_for())
    larger = load_problems(config_for(train=90, held_out=30))
    assert larger.train[:60] == load_problems(config_for()).train


# (generator, parameters, numbers in the ids of training, held-out and boosting problems, digest of all their columns)
PINNED = [
    ("subset_sum", {}, [[0, 2, 3, 4, 5, 6], [1, 18, 22], [7, 8]], "1779c68cab5e2ec9"),
    ("digit_chain", {"steps": 3}, [[0, 2, 3, 4, 5, 6], [1, 23, 35], [8, 9]], "843e4050bec6b71c"),
    ("isomorphic_strings", {}, [[0, 1, 2, 3, 4, 6], [5, 14, 19], [7, 8]], "ab4518af2a3cb0a5"),
]


@pytest.mark.parametrize(("name", "params", "numbers", "digest"), PINNED)
def test_problems_ids_and_splits_never_change(
    name: str, params: dict[str, Any], numbers: list[list[int]], digest: str
) -> None:
    """A run begun with an earlier version goes on with the problems of its lake; these values are pinned for good."""
    config = config_for(name, train=6, held_out=3, **params)
    config.boost.problems = 2
    problems = load_problems(config)
    splits = [problems.train, problems.eval, problems.boost]
    assert [[int(problem.problem_id.removeprefix(f"{name}-")) for problem in split] for split in splits] == numbers
    content = json.dumps(asdict(problems), sort_keys=True)
    assert hashlib.sha256(content.encode()).hexdigest()[:16] == digest


def test_boost_falls_back_on_training_problems() -> None:
    config = config_for(train=2, held_out=1, count=3, low=1, high=5)
    config.boost.problems = 1000
    (there_are,) = re.findall(r"only (\d+) distinct", refusal(config))
    config.boost.problems = int(there_are) - 2
    problems = load_problems(config)
    assert not {p.problem_id for p in problems.boost} & {p.problem_id for p in problems.train}
    config.boost.problems = int(there_are)
    assert load_problems(config).boost == problems.boost + problems.train


def test_a_generator_that_runs_out_says_how_many_it_found() -> None:
    message = refusal(config_for(train=50, held_out=1, count=2, low=1, high=3))
    assert "problems.train_size is 50" in message
    assert "has only" in message


def test_wrong_names_and_parameters_are_named() -> None:
    assert "did you mean chain_sum" in refusal(config_for("chain_summ"))
    assert "problems.name is not set" in refusal(config_for(None))
    assert "problems.params.cuont is no parameter of subset_sum; did you mean count" in refusal(config_for(cuont=6))
    assert "problems.params.seed cannot be set" in refusal(config_for(seed=6))
    assert "count must be at least choose = 2" in refusal(config_for(count=1))
    assert "problems.params does not suit generator chain_sum" in refusal(config_for("chain_sum", min_terms=0))
    assert "problems.train_size is not set" in refusal(config_for(train=None))
    assert "problems.eval_size is not set" in refusal(config_for(held_out=None))


def test_a_generator_may_work_its_solutions_out() -> None:
    config = config_for("digit_chain", train=20, held_out=5, steps=3)
    config.boost.problems = 20
    for problem in load_problems(config).boost:
        assert problem.solution is not None
        assert problem.solution.split()[-2:] == ["so", problem.answer]
        grade = get("reasoning_gym").grade(problem.solution, problem)
        hit = problem.metadata["entry"]["metadata"]["tried"] == int(problem.answer)
        assert (grade.verdict, grade.reward) == (Verdict.CORRECT, 1.0 if hit else GUESS)


def test_a_seed_of_their_own_holds_the_problems_while_the_runs_seed_varies() -> None:
    config = config_for()
    by_run_seed = load_problems(config)
    config.problems.seed = 0
    assert load_problems(config) == by_run_seed, "the run's seed is 0 too"
    config.seed = 7
    assert load_problems(config) == by_run_seed
    config.problems.seed = None
    assert load_problems(config).train != by_run_seed.train


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
    problems = draw_problems(config_for(name, train=4, held_out=2))
    assert (len(problems.train), len(problems.eval)) == (4, 2)
    for problem in problems.train + problems.eval:
        right = get("reasoning_gym").grade(f"It is <answer>{problem.answer}</answer>", problem)
        if problem.solution is not None:
            assert (right.verdict, right.reward) == ("correct", 1.0)
        other = get("reasoning_gym").grade(wrong, problem)
        assert (other.verdict, other.reward) == ("wrong", 0.0)

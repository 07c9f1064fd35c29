"""Problems drawn from generators: distinct, and never on both sides of the split."""

from __future__ import annotations

import re
from typing import Any

from rise_core.generators.digit_chain import GUESS
from rise_core.problems import ProblemSet, load_problems
from rise_core.records import Verdict
from rise_core.verifiers import get
from tests.rise_core.problems.configs import generator_config, refusal


def identities(problems: ProblemSet, split: str) -> set[tuple[Any, ...]]:
    entries = [problem.metadata["entry"]["metadata"] for problem in getattr(problems, split)]
    return {(*sorted(entry["numbers"]), entry["target"]) for entry in entries}


def test_sizes_ids_and_solutions() -> None:
    config = generator_config()
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
    config = generator_config(train=2000, held_out=500, count=3, low=1, high=30)
    config.boost.problems = 2000
    problems = load_problems(config)
    train, held_out, boost = (identities(problems, split) for split in ("train", "eval", "boost"))
    assert (len(train), len(held_out), len(boost)) == (2000, 500, 2000)
    assert not train & held_out
    assert not train & boost
    assert not boost & held_out


def test_the_split_holds_over_seeds_and_sizes() -> None:
    config = generator_config(train=1500, held_out=300, count=3, low=1, high=20)
    first = load_problems(config)
    config.seed, config.problems.train_size = 1, 1400
    second = load_problems(config)
    assert first.train[:10] != second.train[:10]
    assert not identities(first, "train") & identities(second, "eval")
    assert not identities(first, "eval") & identities(second, "train")


def test_boost_falls_back_on_training_problems() -> None:
    config = generator_config(train=2, held_out=1, count=3, low=1, high=5)
    config.boost.problems = 1000
    (there_are,) = re.findall(r"only (\d+) distinct", refusal(config))
    config.boost.problems = int(there_are) - 2
    problems = load_problems(config)
    assert not {p.problem_id for p in problems.boost} & {p.problem_id for p in problems.train}
    config.boost.problems = int(there_are)
    assert load_problems(config).boost == problems.boost + problems.train


def test_a_generator_that_runs_out_says_how_many_it_found() -> None:
    message = refusal(generator_config(train=50, held_out=1, count=2, low=1, high=3))
    assert "problems.train_size is 50" in message
    assert "has only" in message


def test_a_generator_may_work_its_solutions_out() -> None:
    config = generator_config("digit_chain", train=20, held_out=5, steps=3)
    config.boost.problems = 20
    for problem in load_problems(config).boost:
        assert problem.solution is not None
        assert problem.solution.split()[-2:] == ["so", problem.answer]
        grade = get("reasoning_gym").grade(problem.solution, problem)
        hit = problem.metadata["entry"]["metadata"]["tried"] == int(problem.answer)
        assert (grade.verdict, grade.reward) == (Verdict.CORRECT, 1.0 if hit else GUESS)


def test_a_seed_of_their_own_holds_the_problems_while_the_runs_seed_varies() -> None:
    config = generator_config()
    by_run_seed = load_problems(config)
    config.problems.seed = 0
    assert load_problems(config) == by_run_seed, "the run's seed is 0 too"
    config.seed = 7
    assert load_problems(config) == by_run_seed
    config.problems.seed = None
    assert load_problems(config).train != by_run_seed.train

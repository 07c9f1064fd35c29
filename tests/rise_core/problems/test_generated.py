"""Problems from generators: the same in every process and in every version."""

from __future__ import annotations

import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pytest

from rise_core.errors import UserError
from rise_core.problems import load_problems
from tests.rise_core.problems.configs import generator_config

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
    """Never pin new values. A run begun with an earlier version must go on with the same problems."""
    config = generator_config(name, train=6, held_out=3, **params)
    config.boost.problems = 2
    problems = load_problems(config)
    splits = [problems.train, problems.eval, problems.boost]
    assert [[int(problem.problem_id.removeprefix(f"{name}-")) for problem in split] for split in splits] == numbers
    content = json.dumps(asdict(problems), sort_keys=True)
    assert hashlib.sha256(content.encode()).hexdigest()[:16] == digest


def test_the_same_config_gives_the_same_problems() -> None:
    assert load_problems(generator_config()) == load_problems(generator_config())
    larger = load_problems(generator_config(train=90, held_out=30))
    assert larger.train[:60] == load_problems(generator_config()).train


@pytest.mark.parametrize("name", ["isomorphic_strings", "list_functions"])  # by the order of sets; by shared randomness
def test_every_process_draws_the_same_problems_however_many(name: str) -> None:
    configs = [generator_config(name, train=train, held_out=3) for train in (12, 9)]
    with ThreadPoolExecutor() as threads:
        whole, fewer = threads.map(load_problems, configs)
    assert (whole.train[:9], whole.eval) == (fewer.train, fewer.eval)


def test_a_process_that_dies_while_it_draws_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(UserError, match=r"^config: generator chain_sum .* ended with exit code 1, for the reason"):
        load_problems(generator_config("chain_sum", train=2, held_out=1))

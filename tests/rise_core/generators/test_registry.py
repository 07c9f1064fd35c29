"""Generators by name: refusals name the key and the near misses."""

from __future__ import annotations

from pathlib import Path

import pytest

from rise_core.errors import UserError
from rise_core.problems import load_problems
from tests.rise_core.problems.configs import generator_config, refusal

USING = Path(__file__).resolve().parents[3] / "docs" / "using.md"
REFUSED = {
    "codeio": "it executes the programs of its data set, which give other problems in every process",
    "composite": "it mixes other generators, which problems.params cannot hold",
}
ACCEPTS = {
    "coin_flip": "0",
    "game_of_life_halting": "no such answer",
}  # wrong, but with full marks


def test_wrong_names_and_parameters_are_named() -> None:
    assert "did you mean chain_sum" in refusal(generator_config("chain_summ"))
    assert "problems.name is not set" in refusal(generator_config(None))
    message = refusal(generator_config(cuont=6))
    assert "problems.params.cuont is no parameter of subset_sum; did you mean count" in message
    assert "problems.params.seed cannot be set" in refusal(generator_config(seed=6))
    assert "count must be at least choose = 2" in refusal(generator_config(count=1))
    assert "problems.params does not suit generator chain_sum" in refusal(generator_config("chain_sum", min_terms=0))
    assert "problems.train_size is not set" in refusal(generator_config(train=None))
    assert "problems.eval_size is not set" in refusal(generator_config(held_out=None))


@pytest.mark.parametrize("name", REFUSED)
def test_a_generator_that_cannot_be_used_says_why(name: str) -> None:
    with pytest.raises(UserError) as caught:
        load_problems(generator_config(name, train=2, held_out=1))
    reason = f"generator {name} (problems.name) cannot be used: {REFUSED[name]}; choose another one"
    assert str(caught.value) == f"config: {reason}"


def test_the_page_names_those_that_are_refused_or_take_nonsense() -> None:
    page = USING.read_text("utf-8")
    assert [name for name in (*REFUSED, *ACCEPTS) if f"`{name}`" not in page] == []

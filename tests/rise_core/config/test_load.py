"""Overrides: nested keys and lists; a wrong key or value gives a single line."""

import pytest

from rise_core.config.load import load_config
from rise_core.errors import UserError


def test_overrides_reach_nested_keys_and_lists():
    config = load_config("demo", ["train.tau=0.7", "collect.turns=[{n: 1}, {n: 1}, {n: 4}]", "train.adapter=lora"])
    assert config.train.tau == 0.7
    assert [turn.n for turn in config.collect.turns] == [1, 1, 4]
    assert config.train.adapter.value == "lora"


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("collect.foo=1", "collect.foo"),
        ("nosuch=1", "nosuch"),
        ("train.tau=abc", "train.tau"),
        ("train.adapter=qlora", "train.adapter"),
        ("collect", "key=value"),
        ("=1", "key=value"),
        ("collect.turns=[{n: 0}]", "collect.turns"),
        ("collect.turns=[{n: 2}, {n: 1}]", "collect.turns"),
        ("collect.turns=[]", "collect.turns"),
        ("collect.turns=[{policy: teacher}]", "teacher"),
        ("collect.turns.0.n=3", "collect.turns.0.n=3"),
        ("dialogue.window=0", "dialogue.window"),
        ("dialogue.problem=hello", "dialogue.problem"),
        ("train.tau=0", "train.tau"),
        ("collect.shard_size=0", "collect.shard_size"),
        ("select.first_turn.correct=1.5", "select.first_turn.correct"),
        ("collect.temperature=-1", "collect.temperature"),
        ("train.tau=0.01", "train.tau must be at least 0.0125"),
        ("train.optim.max_grad_norm=-1", "train.optim.max_grad_norm"),
        ("train.optim.warmup=1.5", "train.optim.warmup"),
        ("model.scratch.heads=0", "model.scratch.heads"),
        ("boost.problems=-5", "boost.problems"),
        ("engine.threads=-1", "engine.threads"),
        ("engine.kv_cache_gib=0", "engine.kv_cache_gib"),
        ("train={", "train"),
        ("model.name=${oc.env:HOME}", "model.name"),
    ],
)
def test_a_wrong_override_is_one_line_that_names_it(override, named):
    with pytest.raises(UserError) as caught:
        load_config("demo", [override])
    message = str(caught.value)
    assert named in message
    assert "\n" not in message

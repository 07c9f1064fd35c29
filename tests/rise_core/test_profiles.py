"""Profiles and overrides: every wrong key or value is one clear line."""

import pytest

from rise_core.config import Config, FirstTurn
from rise_core.errors import UserError
from rise_core.profiles import (
    CONF_DIR,
    baselines,
    differences,
    from_yaml,
    load,
    profiles,
    run_name,
    to_yaml,
)


def test_every_shipped_profile_loads():
    assert {"demo", "smollm2-gsm8k", "llama2-7b-gsm8k", "mistral-7b-gsm8k"} <= set(profiles())
    for name in profiles():
        assert isinstance(load(name), Config)


def test_overrides_reach_nested_keys_and_lists():
    config = load("demo", ["train.tau=0.7", "collect.turns=[{n: 1}, {n: 1}, {n: 4}]", "train.adapter=lora"])
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
        load("demo", [override])
    message = str(caught.value)
    assert named in message
    assert "\n" not in message


@pytest.mark.parametrize("profile", ["nosuch", "../conf/demo", "demo/../demo", "", "nosuch.yaml"])
def test_an_unknown_profile_names_itself_and_the_shipped_ones(profile):
    with pytest.raises(UserError, match="demo"):
        load(profile)


def test_a_profile_may_be_a_file_and_its_errors_name_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text((CONF_DIR / "demo.yaml").read_text())
    assert load(str(path)) == load("demo")
    for text in ("- a\n- b\n", "collect: [", "collect:\n  foo: 1\n"):
        path.write_text(text)
        with pytest.raises(UserError, match=r"mine\.yaml"):
            load(str(path))


def test_a_stored_config_comes_back_equal():
    config = load("demo", ["problems.params={count: 5}"])
    assert from_yaml(to_yaml(config)) == config
    assert differences(from_yaml(to_yaml(config)), config) == []


def test_differences_name_key_and_both_values_and_leave_machine_keys_free():
    before, now = load("demo"), load("demo", ["train.tau=9", "engine.replicas=7", "iterations=99"])
    assert differences(before, now) == ["train.tau: stored 0.4, now 9.0"]


def test_every_baseline_lies_over_a_profile_and_does_not_stand_alone():
    assert baselines() == ["rft", "self-consistency", "self-refine", "sft"]
    assert not set(baselines()) & set(profiles())
    whole = {profile: load(profile) for profile in ("demo", "mistral-7b-math")}
    for baseline in baselines():
        for profile, config in whole.items():
            changed = differences(config, load(f"{profile}+{baseline}"))
            assert all(
                line.startswith(("collect.turns", "select.", "train.normalise", "dialogue.")) for line in changed
            )
        with pytest.raises(UserError, match=f"demo\\+{baseline}"):
            load(baseline)
        with pytest.raises(UserError, match=baseline):
            load(f"{baseline}+demo")


def test_baselines_are_what_their_names_say():
    assert load("demo+self-consistency").iterations == load("demo+self-refine").iterations == 0
    assert differences(load("demo"), load("demo+self-consistency")) == []
    assert "{problem}" in load("demo+self-refine").dialogue.feedback
    rft, sft = load("demo+rft"), load("demo+sft")
    for profile in profiles():
        wanted = sum(turn.n for turn in load(profile).collect.turns)
        assert [(t.policy.value, t.n) for t in load(f"{profile}+rft").collect.turns] == [("learner", wanted)]
    assert [(turn.policy.value, turn.n) for turn in sft.collect.turns] == [("gold", 1)]
    assert (rft.select.criterion.value, rft.select.first_turn.correct) == ("success", 1.0)
    assert (sft.select.criterion.value, sft.select.first_turn) == ("all", FirstTurn(1.0, 1.0))
    assert rft.eval == sft.eval == load("demo").eval


def test_joined_profiles_lie_over_each_other_from_left_to_right(tmp_path):
    last = tmp_path / "last.yaml"
    last.write_text("collect: {turns: [{n: 3}]}\nseed: 5\n")
    config = load(f"demo+rft+{last}", ["seed=6"])
    assert [turn.n for turn in config.collect.turns] == [3]
    assert (config.seed, config.select.criterion.value) == (6, "success")
    assert run_name(f"demo+rft+{last}") == "demo-rft-last"
    assert run_name("demo") == "demo"


def test_a_file_whose_name_holds_a_plus_is_one_profile(tmp_path):
    path = tmp_path / "a+b.yaml"
    path.write_text((CONF_DIR / "demo.yaml").read_text())
    assert load(str(path)) == load("demo")


@pytest.mark.parametrize("profile", ["demo+nosuch", "demo+", "+rft", "demo++rft", "nosuch+rft", "demo+../rft"])
def test_an_unknown_part_is_named(profile):
    unknown = next(part for part in profile.split("+") if part not in ("demo", "rft"))
    with pytest.raises(UserError) as caught:
        load(profile)
    assert repr(unknown) in str(caught.value)
    assert "self-refine" in str(caught.value)
    assert "\n" not in str(caught.value)

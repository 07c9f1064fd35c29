"""The YAML stored with a run: text of an earlier version loads, and the same config gives the same text."""

from __future__ import annotations

from pathlib import Path

import pytest

from rise_core.config.changes import differences
from rise_core.config.load import from_yaml, load_config, to_yaml
from rise_core.errors import UserError

# Written by the version before pydantic checked the config, from demo+rft and OVERRIDES.
STORED = (Path(__file__).parent / "stored" / "demo+rft.yaml").read_text()
OVERRIDES = [
    "problems.params={count: 5, a: {b: [1, 2.5, x]}}",
    "teacher.model=big",
    "teacher.omit=[n]",
    "train.lora.targets=[q_proj]",
    "train.timeout=.inf",
    "collect.problems=7",
]


def test_a_config_is_stored_as_the_text_of_the_earlier_version() -> None:
    assert to_yaml(load_config("demo+rft", OVERRIDES)) == STORED


def test_an_earlier_versions_text_loads_as_the_same_config() -> None:
    assert from_yaml(STORED) == load_config("demo+rft", OVERRIDES)
    assert to_yaml(from_yaml(STORED)) == STORED


def test_a_text_without_a_newer_key_takes_the_keys_default() -> None:
    older = "".join(line for line in STORED.splitlines(True) if not line.startswith("  in_flight:"))
    assert older != STORED
    assert from_yaml(older) == from_yaml(STORED)


@pytest.mark.parametrize(
    ("line", "key"),
    [("nosuch: 1\n", "nosuch"), ("seed: text\n", "seed"), ("iterations: -1\n", "iterations")],
)
def test_a_text_that_this_version_cannot_hold_is_one_line_with_the_key(line: str, key: str) -> None:
    text = "".join(old for old in STORED.splitlines(True) if not old.startswith(f"{key}:")) + line
    with pytest.raises(UserError, match=f"another version of RISE: .*{key}") as caught:
        from_yaml(text)
    assert "\n" not in str(caught.value)


def test_a_stored_config_comes_back_equal() -> None:
    config = load_config("demo", ["problems.params={count: 5}"])
    assert from_yaml(to_yaml(config)) == config
    assert differences(from_yaml(to_yaml(config)), config) == []

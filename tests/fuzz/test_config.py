"""Hostile profiles and overrides give a sound config or an error of a single line."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from rise_core.config.changes import check_split_name, differences, evaluation_config, split_name
from rise_core.config.keys import Config
from rise_core.config.load import apply_overrides, dotted, from_yaml, load_config, to_yaml
from rise_core.config.profiles import default_run_name, profile_parts, read_profile
from tests.fuzz.inputs import answered_or_refused, fuzzed, hostile_text, pieces

pytestmark = pytest.mark.fuzz

KEYS = [*dotted(OmegaConf.structured(Config)), "collect", "train.optim", "problems.params", "collect.turns.0.n"]
VALUES = ["null", "true", "1", "-1", "0", "1e400", "nan", ".inf", "[]", "{}", "scratch", "hub", "[{policy: learner}]"]
VALUES += ["[{policy: teacher, n: 4}]", "{a: {b: [1, 2]}}", "&a [*a]", "!!python/object/apply:os.abort []", "env:KEY"]
VALUES += ["https://u:p@host", "2001-01-01", "0x10", "1_000", "9" * 5000, "[" * 2000, "{problem}", "???", "'", "%"]
keys = st.one_of(st.sampled_from(KEYS), pieces([*KEYS, ".", "[0]"], most=4))
values = st.one_of(st.sampled_from(VALUES), pieces([*VALUES, ":", ",", "\n", "- ", "#"], most=6), hostile_text)
overrides = st.lists(st.one_of(st.tuples(keys, values).map("=".join), pieces(["=", *KEYS], most=4)), max_size=4)
YAML = [*KEYS, *VALUES, ": ", "\n", "  ", "- ", "? ", "|", ">", "#", "&a ", "*a", "<<: ", "---\n", "%YAML 9\n", "\t"]


def check_whole(config: Config | None) -> None:
    """An accepted config survives storage with a run."""
    if config is not None:
        stored = from_yaml(to_yaml(config))
        assert [line for line in differences(config, stored) if "nan" not in line] == []


BASES = {name: OmegaConf.structured(load_config(name)) for name in ("demo", "mistral-7b-gsm8k+rft")}


@fuzzed(60)
@given(overrides, st.sampled_from(sorted(BASES)))
def test_overrides(lines: list[str], profile: str) -> None:
    check_whole(answered_or_refused(lambda: apply_overrides(BASES[profile], lines)))


@fuzzed(60)
@given(overrides)
def test_overrides_of_an_evaluation(lines: list[str]) -> None:
    stored = load_once()
    config = answered_or_refused(lambda: evaluation_config(stored, lines))
    if config is not None:
        name = answered_or_refused(lambda: split_name(stored, config))
        answered_or_refused(lambda: check_split_name(name or ""))


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(VALUES), st.text(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
typed = st.dictionaries(st.sampled_from(KEYS), plain, min_size=1, max_size=4).map(lambda keys: nested(keys))
contents = st.one_of(
    pieces(YAML, most=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    typed.map(lambda tree: yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace")),
    st.binary(max_size=60),
)


@fuzzed(60)
@given(contents)
def test_profile_files(folder: Path, content: bytes) -> None:
    file = folder / "hostile.yaml"
    file.write_bytes(content)
    check_whole(answered_or_refused(lambda: load_config(str(file))))


@fuzzed(60)
@given(pieces(["demo", "+", "rft", ".yaml", "/", "..", "conf/"], most=6))
def test_names_of_profiles(name: str) -> None:
    answered_or_refused(lambda: [read_profile(part) for part in profile_parts(name)])
    answered_or_refused(lambda: default_run_name(name))


def nested(keys: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in keys.items():
        branch = tree
        *above, last = name.split(".")
        for part in above:
            below = branch.setdefault(part, {})
            branch = below if isinstance(below, dict) else {}
        branch[last] = value
    return tree


@cache
def load_once() -> Config:
    return load_config("demo")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("profiles")


@pytest.mark.parametrize(
    "content",
    ["9" * 5000, "2001-99-99: 1", "[" * 3000, "seed: " + "9" * 5000, "a: &x [*x]", "train: {lora: {targets: [[1]]}}"],
    ids=["number", "date", "nesting", "key", "cycle", "list in a list"],
)
def test_found_by_fuzzing_in_files(folder: Path, content: str) -> None:
    (folder / "found.yaml").write_text(content)
    assert answered_or_refused(lambda: load_config(str(folder / "found.yaml"))) is None


@pytest.mark.parametrize(
    "override",
    ["eval.temperature=" + "9" * 3000, "[" * 99 + "=1", "seed=" + "9" * 5000, "collect.turns=2001-99-99"],
    ids=["float", "brackets", "digits", "date"],
)
def test_found_by_fuzzing_in_overrides(override: str) -> None:
    assert answered_or_refused(lambda: apply_overrides(BASES["demo"], [override])) is None


@pytest.mark.parametrize("name", ["(" * 3000, "\x00", "~nobody-of-that-name/x.yaml"], ids=["long", "NUL", "user"])
def test_found_by_fuzzing_in_names(name: str) -> None:
    assert answered_or_refused(lambda: load_config(name)) is None

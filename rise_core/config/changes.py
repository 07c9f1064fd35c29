"""A stored checkpoint under other settings: which keys may differ, and what the split is called. Pure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from rise.core.config.choices import SourceKind
from rise.core.config.keys import Config
from rise.core.config.load import flat, overridden, parse_override
from rise.core.errors import UserError

SPLIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# How to ask, how long to let answer, and how to grade; not what the checkpoint is or how it came about.
MAY_DIFFER = re.compile(r"(eval|verify|engine|dialogue)\.|problems\.(?!train)|seed$|collect\.max_new_tokens$")
SOURCE = ("problems.source", "problems.name")  # another one of these begins with no generator parameters
# Keys that say how much or on what machine to run, not what a run is: they may change from one advance to the next.
FREE_KEYS = re.compile(
    r"iterations$|engine\.(?!max_model_len$)|verify\.workers$|train\.(workers|gpus|threads|timeout)$"
    r"|teacher\.(base_url|api_key|concurrency|timeout|retries|omit(\.\d+)?|max_requests|max_tokens|engine\..*)$"
)


def differences(stored: Config, given: Config) -> list[str]:
    """The keys that decide what a run is and that differ, as `key: stored value, now given value`."""
    before, now = flat(OmegaConf.structured(stored)), flat(OmegaConf.structured(given))
    return [
        f"{name}: stored {before.get(name)}, now {now.get(name)}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name) and not FREE_KEYS.match(name)
    ]


def settings(stored: Config, overrides: list[str]) -> Config:
    """The run's config with `key=value` overrides. Raises UserError for a key that the checkpoint fixes."""
    base = cast(DictConfig, OmegaConf.structured(stored))
    given = [flat(OmegaConf.to_container(parse_override(override))) for override in overrides]
    if any(key in SOURCE for keys in given for key in keys):
        base.problems.params = {}
    config = overridden(base, overrides)
    fixed = [key for key in changes(stored, config) if not MAY_DIFFER.match(key)]
    if fixed:
        raise UserError(
            f"override {fixed[0]}: cannot differ from what the run was made with; an evaluation may change eval.*, "
            "verify.*, engine.*, dialogue.*, seed, collect.max_new_tokens and the held-out problems (problems.*)"
        )
    return config


def changes(stored: Config, config: Config) -> dict[str, Any]:
    """The dotted keys whose value differs, with the new value (None where the key is gone)."""
    before, now = flat(OmegaConf.structured(stored)), flat(OmegaConf.structured(config))
    return {key: now.get(key) for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)}


def has_other_problems(stored: Config, config: Config) -> bool:
    """Whether the evaluation's problems are others than the run's held-out ones."""
    keys = changes(stored, config)
    reseeded = "seed" in keys and config.problems.source is SourceKind.reasoning_gym
    return reseeded or any(key.startswith("problems.") for key in keys)


def split_name(stored: Config, config: Config) -> str:
    """A name that says what differs: `turns-10`, `samples-20`, `chain_sum`, `temperature-0.5-turns-10`.

    Empty where that gives no usable name. Raises UserError where nothing differs.
    """
    keys = {key: value for key, value in changes(stored, config).items() if not FREE_KEYS.match(key)}
    if not keys:
        raise UserError(
            "these are the run's own settings, whose metrics stand under split 'eval'; give key=value, "
            "for example eval.turns=10"
        )
    words = []
    if any(key in (*SOURCE, "problems.eval") for key in keys):
        problems = config.problems
        by_name = problems.name if problems.source is not SourceKind.file else None
        words.append(by_name or Path(problems.eval or problems.source.value).stem)
        keys = {key: value for key, value in keys.items() if not key.startswith("problems.")}
    words += [f"{key.rpartition('.')[2]}-{value}" for key, value in keys.items()]
    name = re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(words)).strip("-._")
    return name if SPLIT_NAME.fullmatch(name) else ""


def check_split_name(split: str) -> None:
    """Raises UserError for a name that is the flow's own or no plain word."""
    if not split:
        raise UserError("the settings make no short name for the result: give it one with --split NAME")
    if split in ("eval", "train"):
        raise UserError(f"split {split!r} belongs to the run itself: choose another name for --split")
    if not SPLIT_NAME.fullmatch(split):
        raise UserError(
            f"split name {split!r}: use up to 64 letters, digits, '.', '-' and '_', starting with a letter or digit"
        )

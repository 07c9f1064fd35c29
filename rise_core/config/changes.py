"""Differences between a run's stored config and another config.

A later `rise run` may change the keys marked LATER, and `rise eval` the keys marked AT_EVALUATION
(`rise_core.config.keys`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

from omegaconf import DictConfig, OmegaConf

from rise_core.config.choices import SourceKind
from rise_core.config.field_types import AT_EVALUATION, LATER, Moment
from rise_core.config.keys import Config
from rise_core.config.load import apply_overrides, dotted, parse_override
from rise_core.errors import UserError

_SPLIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SOURCE = ("problems.source", "problems.name")  # another source or name begins with no generator parameters


def _changes(stored: Config, config: Config) -> dict[str, tuple[Any, Any]]:
    """Dotted keys with different values: key → (stored value, new value), None for a missing key."""
    before, now = dotted(OmegaConf.structured(stored)), dotted(OmegaConf.structured(config))
    keys = sorted(before.keys() | now.keys())
    return {key: (before.get(key), now.get(key)) for key in keys if before.get(key) != now.get(key)}


def may_change(key: str, moment: Moment) -> bool:
    """Whether the dotted `key`, or a section above the key, is marked with `moment`."""
    kind: Any = Config  # the section, list or plain type behind the part before
    for part in key.split("."):
        annotation = get_type_hints(kind, include_extras=True).get(part) if isinstance(kind, type) else None
        kind, *markers = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
        if moment in markers:
            return True
    return False


def differences(stored: Config, config: Config) -> list[str]:
    """Lines `key: stored value, now value` for changed keys without the marker LATER."""
    return [
        f"{key}: stored {before}, now {now}"
        for key, (before, now) in _changes(stored, config).items()
        if not may_change(key, LATER)
    ]


def evaluation_config(stored: Config, overrides: list[str]) -> Config:
    """The config of an evaluation: the run's own with `key=value` overrides.

    Raises:
        UserError: A wrong override, or a key fixed by the checkpoint.
    """
    base = cast(DictConfig, OmegaConf.structured(stored))
    keys = {key for override in overrides for key in dotted(OmegaConf.to_container(parse_override(override)))}
    if keys & set(_SOURCE):  # parameters of one generator mean nothing to another
        base.problems.params = {}
    config = apply_overrides(base, overrides)
    fixed = [key for key in _changes(stored, config) if not may_change(key, AT_EVALUATION)]
    if fixed:
        raise UserError(
            f"override {fixed[0]}: cannot differ from the run of the checkpoint; an evaluation may change eval.*, "
            "verify.*, engine.*, dialogue.*, seed, collect.max_new_tokens and the held-out problems (problems.*)"
        )
    return config


def has_other_problems(stored: Config, config: Config) -> bool:
    """Whether an evaluation has other problems than the run's held-out ones."""
    keys = _changes(stored, config)
    # A generator draws its problems by the seed; files and datasets stay the same.
    reseeded = "seed" in keys and config.problems.source is SourceKind.reasoning_gym
    return reseeded or any(key.startswith("problems.") for key in keys)


def split_name(stored: Config, config: Config) -> str:
    """Name an evaluation after its changes: `turns-10`, `samples-20`, `chain_sum`, `temperature-0.5-turns-10`.

    Returns:
        The name; empty where the changes give no usable name.

    Raises:
        UserError: Nothing differs from the run.
    """
    values = {key: now for key, (_, now) in _changes(stored, config).items() if not may_change(key, LATER)}
    if not values:
        raise UserError(
            "these are the run's own settings, whose metrics stand under split 'eval'; give key=value, "
            "for example eval.turns=10"
        )
    words = []
    if any(key in (*_SOURCE, "problems.eval") for key in values):
        problems = config.problems
        by_name = problems.name if problems.source is not SourceKind.file else None
        words.append(by_name or Path(problems.eval or problems.source.value).stem)
        values = {key: value for key, value in values.items() if not key.startswith("problems.")}
    words += [f"{key.rpartition('.')[2]}-{value}" for key, value in values.items()]
    name = re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(words)).strip("-._")
    return name if _SPLIT_NAME.fullmatch(name) else ""


def check_split_name(split: str) -> None:
    """Refuse a split name of the flow itself, or of other characters. Raises UserError."""
    if not split:
        raise UserError("the settings make no short name for the result: give it one with --split NAME")
    if split in ("eval", "train"):
        raise UserError(f"split {split!r} belongs to the run itself: choose another name for --split")
    if not _SPLIT_NAME.fullmatch(split):
        raise UserError(
            f"split name {split!r}: use up to 64 letters, digits, '.', '-' and '_', starting with a letter or digit"
        )

"""Configs from profiles in conf/*.yaml and `key=value` overrides, and to and from the YAML that is stored with a run.

from rise.core.config.load import load_config
config = load_config("demo", ["collect.problems=100"])
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from rise.core.config.check import check
from rise.core.config.keys import Config
from rise.core.errors import UserError
from rise.core.text import first_line

CONF_DIR = Path(__file__).resolve().parents[2] / "conf"
BASELINES_DIR = CONF_DIR / "baselines"
# What reading hostile YAML raises: numbers of 5,000 digits, impossible dates, deep nesting, `[=1`.
UNREADABLE = (
    *(YAMLError, OmegaConfBaseException, ValueError, TypeError, LookupError, ArithmeticError, OSError, RecursionError),
)


def profiles() -> list[str]:
    """Names of the shipped profiles, each complete."""
    return sorted(path.stem for path in CONF_DIR.glob("*.yaml"))


def baselines() -> list[str]:
    """Names of the shipped overlays, each a baseline of the profile that it is joined to: `demo+rft`."""
    return sorted(path.stem for path in BASELINES_DIR.glob("*.yaml"))


def load_config(profile: str, overrides: list[str] | tuple[str, ...] = ()) -> Config:
    """The config of a profile with `key=value` overrides applied.

    `profile`: a name in conf/ or a path to a .yaml file, or several joined by `+`, each laid over those before it.
    Raises UserError naming the profile, key or value that is wrong.
    """
    merged = OmegaConf.structured(Config)
    for part in parts(profile):
        below = merged
        merged = merge(below, read_profile(part), f"profile {part}")
        fill_samples(merged, below)
    return overridden(merged, overrides)


def fill_samples(merged: DictConfig, below: DictConfig) -> None:
    """A baseline's `n: 0` draws as many responses as all turns of the profile under it together."""
    for turn in merged.collect.turns:
        if turn.n == 0:
            turn.n = sum(other.n for other in below.collect.turns)


def overridden(base: DictConfig, overrides: list[str] | tuple[str, ...]) -> Config:
    """A config with `key=value` overrides applied, checked."""
    for override in overrides:
        base = merge(base, parse_override(override), f"override {shown(override)}")
    config = cast(Config, OmegaConf.to_object(base))
    check_types(config)
    check(config)
    return config


def check_types(config: Config) -> None:
    """Merging looks at every value's type but those of lists inside lists."""
    try:
        OmegaConf.structured(config)
    except UNREADABLE as error:
        raise UserError(f"config: {reason_of(error)}") from error


def parts(profile: str) -> list[str]:
    """The names and paths that a profile is joined of. Raises UserError where no complete profile comes first."""
    found = [profile] if os.path.isfile(profile) else profile.split("+")
    if found[0] in baselines():
        raise UserError(f"{found[0]!r} is a baseline of another profile: join them, for example demo+{found[0]}")
    return found


def run_name(profile: str) -> str:
    """The default name of a profile's run: demo+rft gives demo-rft."""
    return "-".join(Path(part).stem for part in parts(profile))


def read_profile(profile: str) -> DictConfig:
    """One part of a profile, as it stands in its file."""
    known = f"one of {', '.join(profiles())}, and after a + one of {', '.join(baselines())}"
    is_file = profile.endswith((".yaml", ".yml"))
    shipped = [folder / f"{profile}.yaml" for folder in (CONF_DIR, BASELINES_DIR)]
    if not is_file and profile not in (*profiles(), *baselines()):
        raise UserError(f"no profile {profile!r}: give a .yaml file or {known}")
    path = Path(profile) if is_file else next(path for path in shipped if path.is_file())
    if not os.path.isfile(path):
        raise UserError(f"no profile file {profile}: give an existing .yaml file or {known}")
    try:
        loaded = OmegaConf.load(path)
    except UNREADABLE as error:
        raise UserError(f"profile {path} is not valid YAML: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(loaded, DictConfig):
        raise UserError(f"profile {path} must be a mapping of keys to values")
    return loaded


def shown(override: str) -> str:
    """An override as an error may show it: the teacher's without their values, one of which may be a key by mistake."""
    return override.partition("=")[0] if override.lstrip().startswith("teacher") else override


def parse_override(override: str) -> DictConfig:
    name, equals, _ = override.partition("=")
    if not equals or not name.strip():
        raise UserError(f"override {override!r} must look like key=value, for example collect.problems=100")
    try:
        return OmegaConf.from_dotlist([override])
    except UNREADABLE as error:
        reason = "" if shown(override) != override else f": {' '.join(str(error).split())}"
        raise UserError(f"override {shown(override)!r} cannot be read{reason}") from error


def merge(base: DictConfig, extra: DictConfig, origin: str) -> DictConfig:
    try:
        check_no_interpolation(extra)
        return cast(DictConfig, OmegaConf.merge(base, extra))
    except UNREADABLE as error:
        raise UserError(f"{origin}: {reason_of(error)}") from error


def reason_of(error: BaseException) -> str:
    """What is wrong with which key, in one line."""
    where = getattr(error, "full_key", None)
    reason = first_line(error)
    return f"key {where}: {reason}" if where else reason


def check_no_interpolation(extra: DictConfig) -> None:
    """A config holds plain values: `${oc.env:…}` could put a secret into the run's stored config."""
    for name, value in flat(OmegaConf.to_container(extra, resolve=False)).items():
        if isinstance(value, str) and "${" in value:
            raise ValueError(f"key {name}: ${{…}} is not resolved here; write the value itself")


def to_yaml(config: Config) -> str:
    """The whole config as YAML, as stored with the run."""
    return str(OmegaConf.to_yaml(OmegaConf.structured(config)))


def from_yaml(text: str) -> Config:
    """The config that `to_yaml` stored; keys that are newer than it take their defaults."""
    try:
        return cast(Config, OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.create(text))))
    except OmegaConfBaseException as error:
        reason = first_line(error)
        raise UserError(f"the run's stored config is of another version of RISE: {reason}") from error


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """A config as dotted keys and plain values."""
    plain = OmegaConf.to_container(node, enum_to_str=True) if not isinstance(node, dict | list) else node
    items = plain.items() if isinstance(plain, dict) else enumerate(plain)
    found: dict[str, Any] = {}
    for name, value in items:
        if isinstance(value, dict | list) and value:
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found

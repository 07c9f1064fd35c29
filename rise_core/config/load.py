"""Configs from profiles and `key=value` overrides. Also the YAML stored with a run, written and read.

    from rise_core.config.load import load_config
    config = load_config("demo", ["collect.problems=100"])

OmegaConf merges profiles and overrides and refuses unknown keys. pydantic then checks types and ranges, and
`rise_core.config.check` the rules across keys. A mistake is a UserError with key, value and remedy. The
libraries' errors are not chained: their texts repeat values, and a value of the teacher may be a secret.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException
from pydantic import TypeAdapter, ValidationError

from rise_core.config.check import check_config
from rise_core.config.keys import Config
from rise_core.config.profiles import UNREADABLE, profile_parts, read_profile
from rise_core.errors import UserError
from rise_core.text import error_line, first_line

_TYPES = TypeAdapter(Config)
_RANGES = {  # pydantic's name of a mistake: our words for it
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be above {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "too_short": "needs at least {min_length} entry",  # collect.turns
}


def load_config(profile: str, overrides: Sequence[str] = ()) -> Config:
    """Load the config of a profile.

    Args:
        profile: A name in conf/ or the path of a .yaml file; several joined by `+` lie over each other, left to right.
        overrides: `key=value` with dotted keys and YAML values, laid over the profile.

    Raises:
        UserError: A wrong profile, key or value.
    """
    merged = OmegaConf.structured(Config)
    for part in profile_parts(profile):
        below = merged  # a baseline counts the responses of the profile under it
        merged = _merge(below, read_profile(part), f"profile {part}")
        _fill_samples(merged, below)
    return apply_overrides(merged, overrides)


def apply_overrides(base: DictConfig, overrides: Sequence[str]) -> Config:
    """Lay `key=value` overrides over a config and check the result. Raises UserError."""
    for override in overrides:
        base = _merge(base, parse_override(override), f"override {_shown(override)}")
    try:
        config = _typed(base)
    except ValidationError as error:
        raise UserError(f"config: {_complaint(error)}") from None
    except UNREADABLE as error:
        raise UserError(f"config: {_reason(error)}") from None
    check_config(config)
    return config


def parse_override(override: str) -> DictConfig:
    """Parse a `key=value`. Raises UserError."""
    name, equals, _ = override.partition("=")
    if not equals or not name.strip():
        raise UserError(f"override {override!r} must look like key=value, for example collect.problems=100")
    try:
        return OmegaConf.from_dotlist([override])
    except UNREADABLE as error:
        reason = "" if _shown(override) != override else f": {error_line(error)}"
        raise UserError(f"override {_shown(override)!r} cannot be read{reason}") from None


def to_yaml(config: Config) -> str:
    """Write the whole config as YAML, as stored with a run."""
    return str(OmegaConf.to_yaml(OmegaConf.structured(config)))


def from_yaml(text: str) -> Config:
    """Read a config from `to_yaml`, of this version or an earlier version. Missing keys take their defaults.

    Raises:
        UserError: The text holds an unknown key or value.
    """
    try:
        return _typed(cast(DictConfig, OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.create(text))))
    except ValidationError as error:
        raise UserError(f"the run's stored config is of another version of RISE: {_complaint(error)}") from None
    except OmegaConfBaseException as error:
        raise UserError(f"the run's stored config is of another version of RISE: {_reason(error)}") from error


def dotted(node: Any, prefix: str = "") -> dict[str, Any]:
    """A config, or a part of one, as dotted keys and plain values: `{"collect.turns.0.n": 1, …}`."""
    plain = OmegaConf.to_container(node, enum_to_str=True) if not isinstance(node, dict | list) else node
    items = plain.items() if isinstance(plain, dict) else enumerate(plain)
    values: dict[str, Any] = {}
    for name, value in items:
        if isinstance(value, dict | list) and value:
            values |= dotted(value, f"{prefix}{name}.")
        else:
            values[f"{prefix}{name}"] = value
    return values


def _typed(merged: DictConfig) -> Config:
    # Plain values, not OmegaConf.to_object: pydantic then checks the whole tree at once and names the full dotted key.
    return _TYPES.validate_python(OmegaConf.to_container(merged, resolve=True, throw_on_missing=True))


def _fill_samples(merged: DictConfig, below: DictConfig) -> None:
    """Replace a baseline's `n: 0` by the number of responses of all turns in the profile under the baseline."""
    for turn in merged.collect.turns:
        if turn.n == 0:
            turn.n = sum(other.n for other in below.collect.turns)


def _merge(base: DictConfig, extra: DictConfig, origin: str) -> DictConfig:
    try:
        _check_no_interpolation(extra)
        return cast(DictConfig, OmegaConf.merge(base, extra))
    except UNREADABLE as error:
        raise UserError(f"{origin}: {_reason(error)}") from None


def _check_no_interpolation(extra: DictConfig) -> None:
    """A config holds plain values: `${oc.env:…}` could put a secret into the stored config."""
    for name, value in dotted(OmegaConf.to_container(extra, resolve=False)).items():
        if isinstance(value, str) and "${" in value:
            raise ValueError(f"key {name}: ${{…}} is not resolved here; write the value itself")


def _complaint(error: ValidationError) -> str:
    """Translate pydantic's first finding: key, complaint and value, but no value of the teacher's."""
    finding = error.errors(include_url=False)[0]
    key = ".".join(map(str, finding["loc"]))
    words = _RANGES.get(finding["type"], finding["msg"].replace("Input should be", "must be"))
    complaint = words.format(**finding.get("ctx", {})) if finding["type"] in _RANGES else words
    return f"{key} {complaint}" if _is_secret(key) else f"{key} {complaint}, not {reprlib.repr(finding['input'])}"


def _reason(error: BaseException) -> str:
    """Key and mistake in a line, without a value of the teacher's."""
    key = getattr(error, "full_key", None)
    if key and _is_secret(str(key)) and not isinstance(error, ConfigKeyError):
        return f"key {key}: the value does not have the key's type"
    reason = first_line(error).partition(" value: ")[0]  # OmegaConf repeats the value of a whole section
    return f"key {key}: {reason}" if key else reason


def _shown(override: str) -> str:
    """An override for an error. The teacher's keys come without values: a value may be a secret by mistake."""
    return override.partition("=")[0] if _is_secret(override) else override


def _is_secret(key: str) -> bool:
    return key.lstrip().startswith("teacher")

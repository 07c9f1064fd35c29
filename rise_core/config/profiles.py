"""Profiles and baselines: the YAML files in conf/ and conf/baselines/, and files of a user's own.

A profile is complete. A baseline holds the few keys of a comparison method and lies over a profile: `demo+rft`.
"""

from __future__ import annotations

import os
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from rise_core.errors import UserError
from rise_core.text import error_line

CONF_DIR = Path(__file__).resolve().parents[2] / "conf"
BASELINES_DIR = CONF_DIR / "baselines"
# Errors of reading hostile YAML: numbers of 5,000 digits, impossible dates, deep nesting, `[=1`.
UNREADABLE = (
    YAMLError,
    OmegaConfBaseException,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    OSError,
    RecursionError,
)


def profiles() -> list[str]:
    """Names of the shipped profiles."""
    return sorted(path.stem for path in CONF_DIR.glob("*.yaml"))


def baselines() -> list[str]:
    """Names of the shipped baselines."""
    return sorted(path.stem for path in BASELINES_DIR.glob("*.yaml"))


def profile_parts(profile: str) -> list[str]:
    """Names and paths joined by `+` in `profile`.

    Raises:
        UserError: A baseline comes first, where a complete profile must be.
    """
    parts = [profile] if os.path.isfile(profile) else profile.split("+")
    if parts[0] in baselines():
        raise UserError(f"{parts[0]!r} is a baseline of another profile: join them, for example demo+{parts[0]}")
    return parts


def default_run_name(profile: str) -> str:
    """Default name of a profile's run: `demo+rft` gives `demo-rft`."""
    return "-".join(Path(part).stem for part in profile_parts(profile))


def read_profile(part: str) -> DictConfig:
    """Read a part of a profile from file, unchecked.

    Raises:
        UserError: No such profile or file, or the content is no YAML mapping.
    """
    known = f"one of {', '.join(profiles())}, and after a + one of {', '.join(baselines())}"
    is_file = part.endswith((".yaml", ".yml"))
    shipped = [folder / f"{part}.yaml" for folder in (CONF_DIR, BASELINES_DIR)]
    if not is_file and part not in (*profiles(), *baselines()):
        raise UserError(f"no profile {part!r}: give a .yaml file or {known}")
    path = Path(part) if is_file else next(path for path in shipped if path.is_file())
    if not os.path.isfile(path):
        raise UserError(f"no profile file {part}: give an existing .yaml file or {known}")
    try:
        content = OmegaConf.load(path)
    except UNREADABLE as error:
        raise UserError(f"profile {path} is not valid YAML: {error_line(error, limit=300)}") from error
    if not isinstance(content, DictConfig):
        raise UserError(f"profile {path} must be a mapping of keys to values")
    return content

"""How the sections of a config declare their keys."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def key(default: Any, meaning: str) -> Any:
    """A config key: its default and what it means."""
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata={"help": meaning})
    return field(default=default, metadata={"help": meaning})


def section(cls: type) -> Any:
    """A nested section of the config."""
    return field(default_factory=cls)

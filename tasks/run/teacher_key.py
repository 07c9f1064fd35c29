"""The key of a teacher's endpoint: read from the environment or a Prefect block, checked, and never stored."""

from __future__ import annotations

import os
from urllib.parse import SplitResult, urlsplit

from prefect.blocks.system import Secret
from prefect.exceptions import ObjectNotFound

from rise_core.config.engine_keys import Teacher
from rise_core.errors import UserError

_DEFAULT_KEY = Teacher().api_key
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def api_key(config: Teacher) -> str | None:
    """Read the endpoint's key. None: the endpoint is on this machine and needs no key.

    Raises:
        UserError: The key is missing, or would go to another host than it was issued for, or over an open line.
    """
    address = urlsplit(config.base_url or "")
    on_loopback = address.hostname in _LOOPBACK
    if config.api_key == _DEFAULT_KEY and not f".{address.hostname or ''}".endswith(".openai.com"):
        if on_loopback:
            return None
        raise UserError(
            f"teacher.api_key: {_DEFAULT_KEY.removeprefix('env:')} is sent to openai.com only; put the key of "
            f"{address.hostname or ''} elsewhere and say where, env:VARIABLE or block:NAME"
        )
    _check_line(config, address, on_loopback)
    kind, _, name = config.api_key.partition(":")
    key = os.environ.get(name, "") if kind == "env" else _secret_block(name)
    if not key:
        source = f"environment variable {name} is" if kind == "env" else f"Prefect Secret block {name} is"
        raise UserError(f"teacher.api_key = {config.api_key}: {source} not set, or empty")
    if not (key.isascii() and key.isprintable() and " " not in key):
        # The HTTP client would refuse such a key with a message that quotes it.
        raise UserError(f"teacher.api_key = {config.api_key}: its value holds white space or odd characters")
    return key


def _check_line(config: Teacher, address: SplitResult, on_loopback: bool) -> None:
    if address.scheme != "https" and not on_loopback:
        raise UserError(f"teacher.base_url = {config.base_url}: a key goes over https only, except to this machine")


def _secret_block(name: str) -> str:
    try:
        block = Secret.load(name)  # type: ignore[var-annotated]
    except (ValueError, ObjectNotFound):
        return ""
    return str(block.get())  # type: ignore[union-attr]

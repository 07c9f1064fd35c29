"""The teacher of a run: its key, checked early and never stored, and its start."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from prefect.blocks.system import Secret
from prefect.exceptions import ObjectNotFound

from rise.core.answering import local_teacher
from rise.core.answering.endpoint import Endpoint
from rise.core.answering.local_teacher import LocalTeacher
from rise.core.config.engine_keys import Teacher
from rise.core.config.keys import Config
from rise.core.engine.request_checks import check_gpus
from rise.core.errors import UserError

DEFAULT_KEY = Teacher().api_key
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check(config: Config) -> None:
    """Refuse a teacher that cannot work, before anything is started. A key in a Prefect block is looked for when the
    flow starts and there is a server to ask."""
    if config.teacher.base_url is None:
        local_teacher.check_teacher_model(config)
    elif config.teacher.api_key.startswith("env:"):
        check_key(config.teacher)


def check_key(config: Teacher) -> None:
    """Raises UserError where an endpoint's key is missing."""
    if config.base_url is not None:
        api_key(config)


def api_key(config: Teacher) -> str | None:
    """The endpoint's key; None where a loopback endpoint is not given one. Raises UserError where it is missing, or
    where it would go to somebody it was not made for or over an open line."""
    place, _, name = config.api_key.partition(":")
    address = urlsplit(config.base_url or "")
    here, host = address.hostname in LOOPBACK, address.hostname or ""
    if config.api_key == DEFAULT_KEY and not f".{host}".endswith(".openai.com"):
        if here:
            return None
        raise UserError(
            f"teacher.api_key: {DEFAULT_KEY.removeprefix('env:')} is sent to openai.com only; put the key of {host} "
            "elsewhere and say where, env:VARIABLE or block:NAME"
        )
    if address.scheme != "https" and not here:
        raise UserError(f"teacher.base_url = {config.base_url}: a key goes over https only, except to this machine")
    key = os.environ.get(name, "") if place == "env" else secret_block(name)
    if not key:
        where = f"environment variable {name} is" if place == "env" else f"Prefect Secret block {name} is"
        raise UserError(f"teacher.api_key = {config.api_key}: {where} not set, or empty")
    if not (key.isascii() and key.isprintable() and " " not in key):
        # The transport would refuse it with a message that holds it.
        raise UserError(f"teacher.api_key = {config.api_key}: its value holds white space or odd characters")
    return key


def secret_block(name: str) -> str:
    try:
        block = Secret.load(name)  # type: ignore[var-annotated]
    except (ValueError, ObjectNotFound):
        return ""
    return str(block.get())  # type: ignore[union-attr]


def open_teacher(run: str, config: Config, folder: Path) -> Endpoint | LocalTeacher:
    """Open the teacher of a run: a client of its endpoint, or engines of its own.

    Args:
        folder: The run's folder; holds the ledger of the endpoint and the files of a local model.
    """
    if config.teacher.base_url is not None:
        return Endpoint(config.teacher, api_key(config.teacher), folder / "teacher.sqlite")
    check_gpus(config.teacher.engine, beside=config.engine)
    return LocalTeacher(config, folder / "teacher", f"{run}-engine-teacher")

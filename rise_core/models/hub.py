"""Models from the Hugging Face hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rise_core.errors import UserError
from rise_core.models.folder import COMPANIONS

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_local(name: str) -> bool:
    """Whether `model.name` means a folder: it exists, or it cannot be a hub id."""
    return os.path.exists(name) or not HUB_ID.fullmatch(name)


def download(name: str, revision: str | None) -> Path:
    """The local folder of a hub model: its config, safetensors and tokenizer files, never code or pickles.

    Raises UserError where the hub cannot be reached or does not have it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = ["config.json", "*.safetensors", "*.safetensors.index.json", *COMPANIONS]
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=wanted))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"model {name!r} is no local folder and the hub did not give it: {reason}") from error

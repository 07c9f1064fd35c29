"""Models from the Hugging Face hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rise.core.errors import UserError
from rise.core.models.folder import COMPANIONS
from rise.core.text import first_line

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def local_folder(name: str) -> Path | None:
    """The folder that `model.name` means, which may not exist; None where it can only be a hub id."""
    place = os.path.expanduser(name)
    return Path(place) if os.path.exists(place) or not HUB_ID.fullmatch(name) else None


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
        raise UserError(
            f"model {name!r} is no local folder and the hub did not give it: {first_line(error)}"
        ) from error

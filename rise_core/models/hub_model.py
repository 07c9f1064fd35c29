"""Models of the Hugging Face hub: telling their ids from folders, and the download."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rise_core.errors import UserError
from rise_core.models.folder import COMPANIONS
from rise_core.text import first_line

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def local_folder(name: str) -> Path | None:
    """Return the folder named by `model.name`, or None for a hub id. The folder may not exist."""
    path = os.path.expanduser(name)
    return Path(path) if os.path.exists(path) or not _HUB_ID.fullmatch(name) else None


def download(name: str, revision: str | None) -> Path:
    """Download a hub model's config, safetensors and tokenizer files, never code or pickles.

    Args:
        revision: A branch, tag or commit; None is the default branch.

    Returns:
        The local folder, in the hub's own cache.

    Raises:
        UserError: The hub cannot be reached or does not have the model.
    """
    from huggingface_hub import snapshot_download  # most runs use no hub model and need no such import
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = ["config.json", "*.safetensors", "*.safetensors.index.json", *COMPANIONS]
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise UserError(
            f"model {name!r} is no local folder and the hub did not give it: {first_line(error)}"
        ) from error

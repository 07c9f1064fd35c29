"""A model folder: required files, the files of a checkpoint, tokenizer and stop tokens."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from rise_core.errors import UserError

# Tokenizer and generation files of a checkpoint, beside config and weights.
COMPANIONS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "generation_config.json",
)


def check_folder(path: Path) -> None:
    """Raise UserError for a folder without config, safetensors weights, tokenizer or chat template."""
    if not os.path.isdir(path):
        raise UserError(f"model folder {path} does not exist: give model.name an existing folder or a Hugging Face id")
    if not (path / "config.json").is_file():
        raise UserError(f"model folder {path} has no config.json: it is not a Hugging Face model folder")
    read_json(path / "config.json")
    if not _weight_files(path):
        raise UserError(f"model folder {path} has no *.safetensors weights: save the model with save_pretrained first")
    if not (path / "tokenizer_config.json").is_file():
        raise UserError(f"model folder {path} has no tokenizer_config.json: save the tokenizer there too")
    if not _has_chat_template(path):
        raise UserError(f"model folder {path} has no chat template (chat_template.jinja): use a chat model or add one")


def read_json(path: Path) -> dict[str, Any]:
    """Read a settings file of a model folder. Raise UserError where the file holds no JSON object."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(settings, dict):
        raise UserError(f"{path} holds no JSON object, as a file of a Hugging Face model folder does")
    return settings


def link(source: Path, out: Path) -> None:
    """Link a folder's config, weights and companions into `out`, and nothing else: no code, no pickles.

    Hard links where the disk allows, else copies.
    """
    check_folder(source)
    out.mkdir(parents=True, exist_ok=True)
    names = ["config.json", *(name for name in COMPANIONS if (source / name).is_file())]
    files = [source / name for name in names] + _weight_files(source) + sorted(source.glob("*.safetensors.index.json"))
    for file in files:
        try:
            os.link(file.resolve(), out / file.name)
        except OSError:  # another disk, or a file system without links
            shutil.copyfile(file, out / file.name)


def copy_companions(source: Path, out: Path) -> None:
    """Copy the tokenizer and generation files of one model folder into another."""
    for name in COMPANIONS:
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)


def load_tokenizer(path: Path) -> Any:
    """Load the tokenizer of a model folder with transformers; no code of the folder runs."""
    from transformers import AutoTokenizer  # seconds to import, and only some callers need a tokenizer

    return AutoTokenizer.from_pretrained(str(path), local_files_only=True)


def stop_token_ids(path: Path, tokenizer: Any) -> tuple[int, ...]:
    """Return the tokens that end a response: the tokenizer's end token and those of the generation config.

    Raises:
        UserError: The folder names no such token.
    """
    ids = {int(tokenizer.eos_token_id)} if tokenizer.eos_token_id is not None else set()
    generation = path / "generation_config.json"
    if generation.is_file():
        eos = read_json(generation).get("eos_token_id")
        ids |= {int(i) for i in (eos if isinstance(eos, list) else [eos]) if i is not None}
    if not ids:
        raise UserError(f"model folder {path} names no end-of-turn token (eos_token): responses could never end")
    return tuple(sorted(ids))


def _weight_files(path: Path) -> list[Path]:
    return sorted(path.glob("*.safetensors"))


def _has_chat_template(path: Path) -> bool:
    if (path / "chat_template.jinja").is_file():
        return True
    return bool(read_json(path / "tokenizer_config.json").get("chat_template"))

"""Publish a model folder as a checkpoint; check a published folder against hashes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rise_core.atomic import sync_file
from rise_core.errors import UserError
from storage.checksums import file_hash
from storage.home import inside

_REMEDY = "put a copy of it in its place, or begin a run of another name"
_SUFFIXES = {".safetensors", ".json", ".txt", ".jinja", ".model"}  # weights and plain text: nothing that runs code


@dataclass(frozen=True, slots=True)
class Published:
    """A folder under `checkpoints/`. `path` is relative to the home folder; `files` maps file name to sha256."""

    checkpoint_id: str
    path: str
    sha256: str
    bytes: int
    files: dict[str, str]


def publish(home: Path, built_dir: Path) -> Published:
    """Move a built model folder to <home>/checkpoints/<id> by a rename.

    The id is the first 12 hex digits of the sha256 over the sorted (file name, sha256) pairs. Folders of equal content
    share an id: an intact folder of the same id stays and `built_dir` is removed; a damaged folder is replaced.

    Args:
        home: The home folder.
        built_dir: Folder on the file system of `home`.

    Raises:
        UserError: A file is neither weights (.safetensors) nor plain text, or weights are missing.
    """
    files = hash_files(built_dir)
    digest = hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()
    relative = Path("checkpoints") / digest[:12]
    size = sum((built_dir / name).stat().st_size for name in files)
    # To disk before the rename: a power cut must not leave hollow files under a published name.
    for name in files:
        sync_file(built_dir / name)
    (home / "checkpoints").mkdir(parents=True, exist_ok=True)
    if (home / relative).is_dir() and not _is_intact(home / relative, files):
        shutil.rmtree(home / relative)
    # No temporary folder: until the rename, a trained model stays where a resumed run looks for it.
    try:
        os.rename(built_dir, home / relative)
    except OSError:
        # The folder is there, intact, from this run or another; any other cause is an error.
        if not (home / relative).is_dir():
            raise
        shutil.rmtree(built_dir)
    return Published(digest[:12], str(relative), digest, size, files)


def hash_files(folder: Path) -> dict[str, str]:
    """Hash every file of a model folder.

    Returns:
        File name, relative to `folder` → sha256.

    Raises:
        UserError: A file is a link or of another kind than weights and plain text, or weights are missing.
    """
    files = sorted(path for path in folder.rglob("*") if not path.is_dir())
    for path in files:
        if path.suffix not in _SUFFIXES or path.is_symlink():
            raise UserError(f"checkpoint file {path}: only plain {', '.join(sorted(_SUFFIXES))} files may be published")
    if not any(path.suffix == ".safetensors" for path in files):
        raise UserError(f"checkpoint folder {folder} has no .safetensors file")
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in files}


def check_published(folder: Path, checkpoint_id: str, files: Mapping[str, str]) -> None:
    """Check a folder for exactly the published files, unchanged.

    Args:
        folder: The checkpoint's folder.
        checkpoint_id: Name of the checkpoint in messages.
        files: File name → sha256 at publishing.

    Raises:
        UserError: A file is missing, changed, additional, or lies outside `folder`.
    """
    for name, digest in files.items():
        path = inside(folder, name)
        if not path.is_file():
            raise UserError(f"checkpoint {checkpoint_id}: {path} is missing: {_REMEDY}")
        if file_hash(path) != digest:
            raise UserError(f"checkpoint {checkpoint_id}: {path} is not the file that was published: {_REMEDY}")
    additional = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - set(files)
    if additional:
        raise UserError(f"checkpoint {checkpoint_id}: {folder / min(additional)} was added after publishing: remove it")


def _is_intact(folder: Path, files: Mapping[str, str]) -> bool:
    """Tell whether a folder holds the files with equal hashes."""
    return all((folder / name).is_file() and file_hash(folder / name) == digest for name, digest in files.items())

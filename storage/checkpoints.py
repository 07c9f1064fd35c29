"""Checkpoints: folders of plain files named by the hash of their content, listed in table `checkpoints`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from rise.core.errors import UserError
from rise.storage.arrow import MOMENT
from rise.storage.home import inside
from rise.storage.lake import KeyExists, Lake, Transaction
from rise.storage.sums import file_hash

MEND = "put a copy of it in its place, or begin a run of another name"
ALLOWED = {".safetensors", ".json", ".txt", ".jinja", ".model"}
LOG = pa.list_(
    pa.struct(
        {
            "step": pa.int32(),
            "epoch": pa.float64(),
            "loss": pa.float64(),
            "learning_rate": pa.float64(),
            "tokens": pa.int64(),
        }
    )
)


@dataclass(frozen=True, slots=True)
class Published:
    """A folder under `checkpoints/`: `path` is relative to the home folder, `files` maps file name to sha256."""

    checkpoint_id: str
    path: str
    sha256: str
    bytes: int
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """A row of table `checkpoints`. An adapter stands on the weights of checkpoint `base_id`."""

    run: str
    iteration: int
    checkpoint_id: str
    kind: Literal["full", "adapter"]
    base_id: str | None
    path: str
    sha256: str
    bytes: int
    files: dict[str, str]
    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    training_log: list[dict[str, Any]] = field(default_factory=list)


def publish(home: Path, built_dir: Path) -> Published:
    """Move a built folder to <home>/checkpoints/<id>, in one step: it is there whole or not at all.

    The id is the first 12 hex digits of the sha256 over the sorted (file name, sha256) list, so equal content has one
    folder: when that exists, `built_dir` is only removed. `built_dir` must be on the home folder's file system.
    Raises UserError for a file that is neither weights (.safetensors) nor plain text.
    """
    files = hash_files(built_dir)
    digest = content_hash(files)
    relative = Path("checkpoints") / digest[:12]
    size = sum((built_dir / name).stat().st_size for name in files)
    sync(built_dir, files)
    (home / "checkpoints").mkdir(parents=True, exist_ok=True)
    if (home / relative).is_dir() and not is_intact(home / relative, files):
        shutil.rmtree(home / relative)  # damaged since; what was built now takes its place
    try:
        os.rename(built_dir, home / relative)
    except OSError:
        if not (home / relative).is_dir():
            raise
        shutil.rmtree(built_dir)
    return Published(digest[:12], str(relative), digest, size, files)


def hash_files(folder: Path) -> dict[str, str]:
    """sha256 of every file in a checkpoint's folder, by name relative to it."""
    files = sorted(path for path in folder.rglob("*") if not path.is_dir())
    for path in files:
        if path.suffix not in ALLOWED or path.is_symlink():
            raise UserError(f"checkpoint file {path}: only plain {', '.join(sorted(ALLOWED))} files may be published")
    if not any(path.suffix == ".safetensors" for path in files):
        raise UserError(f"checkpoint folder {folder} has no .safetensors file")
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in files}


def is_intact(folder: Path, files: dict[str, str]) -> bool:
    """Whether a folder holds these files as they were hashed."""
    return all((folder / name).is_file() and file_hash(folder / name) == digest for name, digest in files.items())


def content_hash(files: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()


def sync(folder: Path, names: dict[str, str]) -> None:
    """Force files to the disk, so that a power cut after the rename leaves no hollow checkpoint."""
    for name in names:
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())


def record(lake: Lake, checkpoint: CheckpointRecord) -> int:
    """Commit a checkpoint's row; returns the snapshot's version. Raises KeyExists when the iteration has one."""
    columns = {
        name: getattr(checkpoint, name)
        for name in ("run", "iteration", "checkpoint_id", "kind", "base_id", "path", "sha256", "bytes", "steps")
    }
    columns |= {"tokens": checkpoint.tokens, "seconds": checkpoint.seconds, "files": json.dumps(checkpoint.files)}
    table = pa.Table.from_pylist([columns])
    table = table.append_column("training_log", pa.array([checkpoint.training_log], LOG))
    table = table.append_column("created_at", pa.array([datetime.now(UTC)], MOMENT))

    def write(tx: Transaction) -> None:
        key = (checkpoint.run, checkpoint.iteration)
        if tx.execute("SELECT 1 FROM lake.main.checkpoints WHERE run = ? AND iteration = ?", key):
            raise KeyExists(f"checkpoint of run {checkpoint.run}, iteration {checkpoint.iteration}")
        tx.append("checkpoints", table)

    note = f"checkpoint={checkpoint.checkpoint_id}"
    stage = "fine_tune" if checkpoint.iteration else "prepare"
    return lake.commit(write, run=checkpoint.run, iteration=checkpoint.iteration, stage=stage, note=note)


def get(lake: Lake, run: str, iteration: int) -> CheckpointRecord | None:
    """The checkpoint of an iteration (0: the base), None when there is none yet."""
    found = lake.query(
        "SELECT * EXCLUDE (created_at) FROM checkpoints WHERE run = ? AND iteration = ?", [run, iteration]
    )
    rows = found.to_pylist()
    return CheckpointRecord(**{**rows[0], "files": json.loads(rows[0]["files"])}) if rows else None


def place(home: Path, checkpoint: CheckpointRecord) -> Path:
    """The checkpoint's folder, its files unchecked. Raises UserError where its row names a place elsewhere."""
    return inside(home, checkpoint.path)


def verify(home: Path, checkpoint: CheckpointRecord) -> Path:
    """The checkpoint's folder, once every file is there with the hash it was published with.

    Raises UserError naming the file that is missing, foreign or changed.
    """
    folder = place(home, checkpoint)
    for name, expected in checkpoint.files.items():
        path = inside(folder, name)
        if not path.is_file():
            raise UserError(f"checkpoint {checkpoint.checkpoint_id}: {path} is missing: {MEND}")
        if file_hash(path) != expected:
            raise UserError(f"checkpoint {checkpoint.checkpoint_id}: {path} is not the file that was published: {MEND}")
    foreign = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - set(checkpoint.files)
    if foreign:
        added = folder / min(foreign)
        raise UserError(f"checkpoint {checkpoint.checkpoint_id}: {added} was added after publishing: remove it")
    return folder

"""Table `checkpoints`, and the way from a row to verified folders.

checkpoint = open_checkpoint(home.path, lake, "demo", iteration=2)
checkpoint.weights_dir, checkpoint.adapter_dir
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rise_core.errors import KeyExists, UserError
from rise_core.records import Checkpoint
from storage import arrow
from storage.home import inside
from storage.lake import Lake
from storage.publishing import check_published
from storage.schema import CHECKPOINTS
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """A row of table `checkpoints`.

    An adapter is loaded on top of the weights of checkpoint `base_id`. `path` is relative to the home folder; `files`
    maps file name to sha256.
    """

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


def append(lake: Lake, checkpoint: CheckpointRecord) -> int:
    """Commit the row of a published checkpoint.

    Returns:
        The snapshot's version.

    Raises:
        KeyExists: The iteration has a checkpoint.
    """
    row = arrow.to_arrow(CHECKPOINTS, [checkpoint], created_at=datetime.now(UTC))

    def write(tx: Transaction) -> None:
        key = (checkpoint.run, checkpoint.iteration)
        if tx.execute("SELECT 1 FROM lake.main.checkpoints WHERE run = ? AND iteration = ?", key):
            raise KeyExists(f"checkpoint of run {checkpoint.run}, iteration {checkpoint.iteration}")
        tx.append("checkpoints", row)

    note = f"checkpoint={checkpoint.checkpoint_id}"
    # Iteration 0 is the base, published while the run is prepared.
    stage = "fine_tune" if checkpoint.iteration else "prepare"
    return lake.commit(write, run=checkpoint.run, iteration=checkpoint.iteration, stage=stage, note=note)


def has(lake: Lake, run: str, iteration: int) -> bool:
    """Tell whether an iteration has a checkpoint (iteration 0: the base)."""
    return find(lake, run, iteration) is not None


def find(lake: Lake, run: str, iteration: int) -> CheckpointRecord | None:
    """Read the row of an iteration's checkpoint (iteration 0: the base).

    Returns:
        None if the iteration has no checkpoint.
    """
    rows = lake.query(
        "SELECT * EXCLUDE (created_at) FROM checkpoints WHERE run = ? AND iteration = ?", [run, iteration]
    ).to_pylist()
    return CheckpointRecord(**{**rows[0], "files": json.loads(rows[0]["files"])}) if rows else None


def get(lake: Lake, run: str, iteration: int | None = None) -> CheckpointRecord:
    """Read the row of an iteration's checkpoint, by default of the newest one.

    Raises:
        UserError: The iteration has no checkpoint.
    """
    if iteration is not None and (record := find(lake, run, iteration)):
        return record
    rows = lake.query("SELECT iteration FROM checkpoints WHERE run = ? ORDER BY iteration", [run])
    iterations: list[int] = rows["iteration"].to_pylist()
    if not iterations:
        raise UserError(f"run {run!r} has no checkpoint yet; `rise run` goes on with it")
    if iteration is not None:
        listed = ", ".join(map(str, iterations))
        raise UserError(f"run {run!r} has no checkpoint of iteration {iteration}; it has those of {listed}")
    return get(lake, run, iterations[-1])


def open_checkpoint(home: Path, lake: Lake, run: str, iteration: int, verified: set[str] | None = None) -> Checkpoint:
    """Verify the files of an iteration's checkpoint and return the folders.

    Args:
        home: The home folder.
        verified: Ids of checkpoints without need of a second check. Checkpoints verified here are added.

    Returns:
        The checkpoint: a folder of full weights and, for an adapter, the adapter's own folder.

    Raises:
        UserError: The iteration, or iteration 0 under an adapter, has no checkpoint, or a file is missing, changed,
            additional, or lies outside the home folder.
    """
    verified = set() if verified is None else verified
    record = get(lake, run, iteration)
    folder = _verified_folder(home, record, verified)
    if record.kind == "full":
        return Checkpoint(record.checkpoint_id, str(folder))
    base = _verified_folder(home, get(lake, run, 0), verified)
    return Checkpoint(record.checkpoint_id, str(base), str(folder))


def _verified_folder(home: Path, record: CheckpointRecord, verified: set[str]) -> Path:
    folder = inside(home, record.path)
    # The path is checked every time, the content once: hashing gigabytes takes long.
    if record.checkpoint_id not in verified:
        check_published(folder, record.checkpoint_id, record.files)
        verified.add(record.checkpoint_id)
    return folder

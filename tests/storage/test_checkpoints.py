"""A checkpoint's row comes back unchanged, and the checkpoint opens with verified files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rise_core.errors import KeyExists, UserError
from rise_core.records import Checkpoint
from storage import checkpoints
from storage.checkpoints import CheckpointRecord, open_checkpoint
from storage.checksums import file_hash
from storage.home import Home
from storage.lake import Lake
from storage.publishing import publish
from storage.transaction import Transaction
from tests.storage.samples import checkpoint_of, model_folder

LOG = [{"step": 1, "epoch": 0.5, "loss": 2.25, "learning_rate": 1e-3, "tokens": 512}]


def test_a_row_comes_back_as_it_was(lake: Lake, home: Path, tmp_path: Path) -> None:
    full, adapter = published_pair(home, tmp_path)
    checkpoints.append(lake, full)
    assert not checkpoints.has(lake, "r1", 1)
    checkpoints.append(lake, adapter)
    assert checkpoints.get(lake, "r1", 0) == checkpoints.find(lake, "r1", 0) == full
    assert checkpoints.get(lake, "r1", 1) == checkpoints.get(lake, "r1") == adapter
    assert checkpoints.has(lake, "r1", 1)
    assert checkpoints.find(lake, "r1", 2) is None
    with pytest.raises(UserError, match=r"run 'r1' has no checkpoint of iteration 2; it has those of 0, 1"):
        checkpoints.get(lake, "r1", 2)
    with pytest.raises(UserError, match=r"run 'r2' has no checkpoint yet"):
        checkpoints.get(lake, "r2")
    with pytest.raises(KeyExists, match="run r1, iteration 1"):
        checkpoints.append(lake, adapter)
    losses = lake.query("SELECT unnest(training_log).loss AS loss FROM checkpoints").to_pylist()
    assert losses == [{"loss": 2.25}]


def test_an_adapter_opens_with_the_base_under_it_and_both_are_verified(lake: Lake, home: Path, tmp_path: Path) -> None:
    full, adapter = published_pair(home, tmp_path)
    checkpoints.append(lake, adapter)
    with pytest.raises(UserError, match="no checkpoint of iteration 0"):
        open_checkpoint(home, lake, "r1", 1)
    checkpoints.append(lake, full)
    weights, own = str(home / full.path), str(home / adapter.path)
    assert open_checkpoint(home, lake, "r1", 0) == Checkpoint(full.checkpoint_id, weights)
    assert open_checkpoint(home, lake, "r1", 1) == Checkpoint(adapter.checkpoint_id, weights, own)
    (home / full.path / "config.json").write_text("{ }")
    with pytest.raises(UserError, match=r"config\.json is not the file that was published"):
        open_checkpoint(home, lake, "r1", 1)


def test_a_verified_checkpoint_is_not_hashed_again(lake: Lake, home: Path, tmp_path: Path) -> None:
    for checkpoint in published_pair(home, tmp_path):
        checkpoints.append(lake, checkpoint)
    verified: set[str] = set()
    opened = open_checkpoint(home, lake, "r1", 1, verified)
    assert len(verified) == 2
    for folder in (opened.weights_dir, opened.adapter_dir):
        (Path(str(folder)) / "config.json").unlink()
    assert open_checkpoint(home, lake, "r1", 1, verified) == opened
    with pytest.raises(UserError, match=r"config\.json is missing"):
        open_checkpoint(home, lake, "r1", 1)


def published_pair(home: Path, tmp_path: Path) -> tuple[CheckpointRecord, CheckpointRecord]:
    """Publish full weights and an adapter, and return the rows of iterations 0 and 1."""
    full = checkpoint_of(publish(home, model_folder(tmp_path / "full")), iteration=0)
    adapter = checkpoint_of(
        publish(home, model_folder(tmp_path / "adapter", 2.0)),
        **{"kind": "adapter", "base_id": full.checkpoint_id, "steps": 7, "tokens": 512, "seconds": 1.5},
        training_log=LOG,
    )
    return full, adapter


@pytest.mark.parametrize("path", ["../outside", "checkpoints/../../outside", "/etc", "checkpoints/link", "link/x"])
def test_a_hostile_row_of_the_catalog_leads_nowhere(linked_home: Home, path: str) -> None:
    (linked_home.path.parent / "outside/model.safetensors").write_bytes(b"weights")
    digest = file_hash(linked_home.path.parent / "outside/model.safetensors")
    with Lake(linked_home.lake) as lake:

        def write(tx: Transaction) -> None:
            tx.execute("INSERT INTO lake.main.runs VALUES ('r1', 'p', '{}', '{}', 1, now())")
            files = json.dumps({"model.safetensors": digest})
            values = "'r1', 0, 'a', 'full', NULL, ?, 'x', 1, ?, 0, 0, 0, [], now()"
            tx.execute(f"INSERT INTO lake.main.checkpoints VALUES ({values})", (path, files))

        lake.commit(write, run="r1", iteration=0, stage="prepare")
        for verified in (set[str](), {"a"}):
            with pytest.raises(UserError, match="leads out of"):
                checkpoints.open_checkpoint(linked_home.path, lake, "r1", 0, verified)

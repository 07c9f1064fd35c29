from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rise.core.errors import KeyExists, UserError
from rise.core.records import Checkpoint
from rise.storage import checkpoints
from rise.storage.checkpoints import CheckpointRecord, open_checkpoint
from rise.storage.lake import Lake
from rise.storage.publishing import Published, check_published, publish

LOG = [{"step": 1, "epoch": 0.5, "loss": 2.25, "learning_rate": 1e-3, "tokens": 512}]


def build(folder: Path, value: float = 1.0) -> Path:
    (folder / "tokenizer").mkdir(parents=True)
    save_file({"w": torch.full((4,), value)}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer" / "vocab.txt").write_text("a b c")
    return folder


def row(published: Published, **changes: object) -> CheckpointRecord:
    values = {"run": "r1", "iteration": 1, "kind": "full", "base_id": None, **asdict(published), **changes}
    return CheckpointRecord(**values)  # type: ignore[arg-type]


def test_the_id_is_the_content(home: Path, tmp_path: Path) -> None:
    first = publish(home, build(tmp_path / "a"))
    assert publish(home, build(tmp_path / "b")) == first
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()
    other = publish(home, build(tmp_path / "c", value=2.0))
    assert other.checkpoint_id != first.checkpoint_id
    assert sorted(p.name for p in (home / "checkpoints").iterdir()) == sorted(
        [first.checkpoint_id, other.checkpoint_id]
    )
    assert first.path == f"checkpoints/{first.checkpoint_id}"
    assert first.sha256.startswith(first.checkpoint_id)
    assert set(first.files) == {"config.json", "model.safetensors", "tokenizer/vocab.txt"}
    assert first.bytes == sum(p.stat().st_size for p in (home / first.path).rglob("*") if p.is_file())


def test_a_renamed_file_is_other_content(home: Path, tmp_path: Path) -> None:
    renamed = build(tmp_path / "b")
    (renamed / "config.json").rename(renamed / "generation_config.json")
    assert publish(home, build(tmp_path / "a")).checkpoint_id != publish(home, renamed).checkpoint_id


@pytest.mark.parametrize("name", ["pytorch_model.bin", "optimizer.pt", "rng.pkl", "run.py", "model.ckpt"])
def test_what_could_run_code_is_not_published(home: Path, tmp_path: Path, name: str) -> None:
    folder = build(tmp_path / "a")
    (folder / name).write_bytes(b"\x80\x04")
    with pytest.raises(UserError, match=f"{name}: only plain .*safetensors"):
        publish(home, folder)
    assert not (home / "checkpoints").exists()


def test_links_and_folders_without_weights_are_not_published(home: Path, tmp_path: Path) -> None:
    linked = build(tmp_path / "a")
    (linked / "extra.json").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match=r"extra\.json"):
        publish(home, linked)
    (tmp_path / "b").mkdir()
    with pytest.raises(UserError, match=r"no \.safetensors file"):
        publish(home, tmp_path / "b")


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
    """Publish full weights and an adapter on top of them, and return their rows of iterations 0 and 1."""
    full = row(publish(home, build(tmp_path / "full")), iteration=0)
    adapter = row(
        publish(home, build(tmp_path / "adapter", 2.0)),
        **{"kind": "adapter", "base_id": full.checkpoint_id, "steps": 7, "tokens": 512, "seconds": 1.5},
        training_log=LOG,
    )
    return full, adapter


def test_a_damaged_folder_is_replaced_by_the_same_content(home: Path, tmp_path: Path) -> None:
    first = publish(home, build(tmp_path / "a"))
    (home / first.path / "config.json").write_text("damaged")
    assert publish(home, build(tmp_path / "b")) == first
    check_published(home / first.path, first.checkpoint_id, first.files)


def test_verification_names_the_file_that_is_not_as_published(home: Path, tmp_path: Path) -> None:
    published = publish(home, build(tmp_path / "a"))
    folder = home / published.path

    def check() -> None:
        check_published(folder, published.checkpoint_id, published.files)

    check()
    (folder / "added.json").write_text("{}")
    with pytest.raises(UserError, match=r"added\.json was added after publishing"):
        check()
    (folder / "added.json").unlink()
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(UserError, match=r"model\.safetensors is not the file that was published"):
        check()
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors is missing"):
        check()

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rise.core.errors import UserError
from rise.storage.checkpoints import CheckpointRecord, Published, get, publish, record, verify
from rise.storage.lake import KeyExists, Lake

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
    full = row(publish(home, build(tmp_path / "a")), iteration=0)
    adapter = row(
        publish(home, build(tmp_path / "b", 2.0)),
        **{"kind": "adapter", "base_id": full.checkpoint_id, "steps": 7, "tokens": 512, "seconds": 1.5},
        training_log=LOG,
    )
    record(lake, full)
    record(lake, adapter)
    assert get(lake, "r1", 0) == full
    assert get(lake, "r1", 1) == adapter
    assert get(lake, "r1", 2) is None
    with pytest.raises(KeyExists, match="run r1, iteration 1"):
        record(lake, adapter)
    losses = lake.query("SELECT unnest(training_log).loss AS loss FROM checkpoints").to_pylist()
    assert losses == [{"loss": 2.25}]


def test_verify_names_the_file_that_is_not_as_published(home: Path, tmp_path: Path) -> None:
    checkpoint = row(publish(home, build(tmp_path / "a")))
    folder = verify(home, checkpoint)
    (folder / "added.json").write_text("{}")
    with pytest.raises(UserError, match=r"added\.json was added after publishing"):
        verify(home, checkpoint)
    (folder / "added.json").unlink()
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(UserError, match=r"model\.safetensors is not the file that was published"):
        verify(home, checkpoint)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors is missing"):
        verify(home, checkpoint)

"""A published folder is named by content, holds no code, and is checked file by file."""

from __future__ import annotations

from pathlib import Path

import pytest

from rise_core.errors import UserError
from storage.checksums import file_hash
from storage.home import Home
from storage.publishing import check_published, publish
from tests.storage.samples import model_folder


def test_the_id_is_the_content(home: Path, tmp_path: Path) -> None:
    first = publish(home, model_folder(tmp_path / "a"))
    assert publish(home, model_folder(tmp_path / "b")) == first
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()
    other = publish(home, model_folder(tmp_path / "c", value=2.0))
    assert other.checkpoint_id != first.checkpoint_id
    assert sorted(p.name for p in (home / "checkpoints").iterdir()) == sorted(
        [first.checkpoint_id, other.checkpoint_id]
    )
    assert first.path == f"checkpoints/{first.checkpoint_id}"
    assert first.sha256.startswith(first.checkpoint_id)
    assert set(first.files) == {"config.json", "model.safetensors", "tokenizer/vocab.txt"}
    assert first.bytes == sum(p.stat().st_size for p in (home / first.path).rglob("*") if p.is_file())


def test_a_renamed_file_is_other_content(home: Path, tmp_path: Path) -> None:
    renamed = model_folder(tmp_path / "b")
    (renamed / "config.json").rename(renamed / "generation_config.json")
    assert publish(home, model_folder(tmp_path / "a")).checkpoint_id != publish(home, renamed).checkpoint_id


@pytest.mark.parametrize("name", ["pytorch_model.bin", "optimizer.pt", "rng.pkl", "run.py", "model.ckpt"])
def test_what_could_run_code_is_not_published(home: Path, tmp_path: Path, name: str) -> None:
    folder = model_folder(tmp_path / "a")
    (folder / name).write_bytes(b"\x80\x04")
    with pytest.raises(UserError, match=f"{name}: only plain .*safetensors"):
        publish(home, folder)
    assert not (home / "checkpoints").exists()


def test_links_and_folders_without_weights_are_not_published(home: Path, tmp_path: Path) -> None:
    linked = model_folder(tmp_path / "a")
    (linked / "extra.json").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match=r"extra\.json"):
        publish(home, linked)
    (tmp_path / "b").mkdir()
    with pytest.raises(UserError, match=r"no \.safetensors file"):
        publish(home, tmp_path / "b")


def test_a_damaged_folder_is_replaced_by_the_same_content(home: Path, tmp_path: Path) -> None:
    first = publish(home, model_folder(tmp_path / "a"))
    (home / first.path / "config.json").write_text("damaged")
    assert publish(home, model_folder(tmp_path / "b")) == first
    check_published(home / first.path, first.checkpoint_id, first.files)


def test_verification_names_the_file_that_is_not_as_published(home: Path, tmp_path: Path) -> None:
    published = publish(home, model_folder(tmp_path / "a"))
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


@pytest.mark.parametrize("name", ["../../outside/secret", "/etc/passwd", "link"])
def test_a_checkpoint_s_file_that_lies_elsewhere_is_refused(linked_home: Home, name: str) -> None:
    outside = linked_home.path.parent / "outside/secret"
    outside.write_text("x")
    (linked_home.path / "checkpoints/0123456789ab" / "link").symlink_to(outside)
    known = outside if name != "/etc/passwd" else Path(name)
    with pytest.raises(UserError, match="leads out of"):
        check_published(linked_home.path / "checkpoints/0123456789ab", "0123456789ab", {name: file_hash(known)})

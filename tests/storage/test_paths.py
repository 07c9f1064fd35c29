"""Names and paths that try to leave the home folder: of runs, checkpoints and their files, and what is staged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rise.core.config.changes import check_split_name
from rise.core.errors import UserError
from rise.storage import checkpoints
from rise.storage.checkpoints import CheckpointRecord
from rise.storage.checksums import file_hash
from rise.storage.home import Home, inside
from rise.storage.lake import Lake
from rise.storage.publishing import check_published
from rise.storage.transaction import Transaction


@pytest.fixture
def place(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    for folder in ("home/checkpoints/0123456789ab", "home/runs", "outside/x"):
        (tmp_path / folder).mkdir(parents=True)
    (home.path / "link").symlink_to(tmp_path / "outside")
    (home.path / "checkpoints/link").symlink_to(tmp_path / "outside")
    (home.path / "runs/linked").symlink_to(tmp_path / "outside")
    return home


NO_NAMES = ["..", "../x", "/x", "a/b", "a\\b", "-x", ".x", "", "a b", "a\n", "ä", "x" * 65, "a\x00"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_run_s_name_is_no_path(place: Home, name: str) -> None:
    with pytest.raises(UserError, match="run name"):
        place.run_folder(name)


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_split_s_name_which_names_staged_files_is_no_path(name: str) -> None:
    with pytest.raises(UserError):
        check_split_name(name)


def test_a_run_s_folder_that_is_a_link_to_elsewhere_is_refused(place: Home) -> None:
    for use in (place.run_folder, place.report, lambda run: place.lock(run).__enter__()):
        with pytest.raises(UserError, match="leads out of"):
            use("linked")
    assert sorted(path.name for path in (place.path.parent / "outside").iterdir()) == ["x"]


def test_a_home_that_is_itself_a_link_works(place: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(place.path)
    assert Home(tmp_path / "elsewhere").run_folder("r1").is_dir()


RECORD = CheckpointRecord("r1", 0, "0123456789ab", "full", None, "checkpoints/0123456789ab", "x", 1, {})


@pytest.mark.parametrize("path", ["../outside", "checkpoints/../../outside", "/etc", "checkpoints/link", "link/x"])
def test_a_hostile_row_of_the_catalog_leads_nowhere(place: Home, path: str) -> None:
    (place.path.parent / "outside/model.safetensors").write_bytes(b"weights")
    digest = file_hash(place.path.parent / "outside/model.safetensors")
    with Lake(place.lake) as lake:

        def write(tx: Transaction) -> None:
            tx.execute("INSERT INTO lake.main.runs VALUES ('r1', 'p', '{}', '{}', 1, now())")
            files = json.dumps({"model.safetensors": digest})
            values = "'r1', 0, 'a', 'full', NULL, ?, 'x', 1, ?, 0, 0, 0, [], now()"
            tx.execute(f"INSERT INTO lake.main.checkpoints VALUES ({values})", (path, files))

        lake.commit(write, run="r1", iteration=0, stage="prepare")
        for verified in (set[str](), {"a"}):
            with pytest.raises(UserError, match="leads out of"):
                checkpoints.open_checkpoint(place.path, lake, "r1", 0, verified)


@pytest.mark.parametrize("name", ["../../outside/secret", "/etc/passwd", "link"])
def test_a_checkpoint_s_file_that_lies_elsewhere_is_refused(place: Home, name: str) -> None:
    outside = place.path.parent / "outside/secret"
    outside.write_text("x")
    (place.path / RECORD.path / "link").symlink_to(outside)
    known = outside if name != "/etc/passwd" else Path(name)
    with pytest.raises(UserError, match="leads out of"):
        check_published(place.path / RECORD.path, RECORD.checkpoint_id, {name: file_hash(known)})


def test_what_lies_inside_is_let_through(place: Home) -> None:
    assert inside(place.path, RECORD.path) == place.path / RECORD.path
    assert inside(place.path, "runs/new/deep") == place.path / "runs/new/deep"

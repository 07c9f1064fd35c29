"""Names and paths of runs and splits cannot leave the home folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from rise_core.config.changes import check_split_name
from rise_core.errors import UserError
from storage.home import Home, inside

NO_NAMES = ["..", "../x", "/x", "a/b", "a\\b", "-x", ".x", "", "a b", "a\n", "ä", "x" * 65, "a\x00"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_run_s_name_is_no_path(linked_home: Home, name: str) -> None:
    with pytest.raises(UserError, match="run name"):
        linked_home.run_folder(name)


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_split_s_name_which_names_staged_files_is_no_path(name: str) -> None:
    with pytest.raises(UserError):
        check_split_name(name)


def test_a_run_s_folder_that_is_a_link_to_elsewhere_is_refused(linked_home: Home) -> None:
    for use in (linked_home.run_folder, linked_home.report, lambda run: linked_home.lock(run).__enter__()):
        with pytest.raises(UserError, match="leads out of"):
            use("linked")
    assert sorted(path.name for path in (linked_home.path.parent / "outside").iterdir()) == ["x"]


def test_a_home_that_is_itself_a_link_works(linked_home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(linked_home.path)
    assert Home(tmp_path / "elsewhere").run_folder("r1").is_dir()


def test_what_lies_inside_is_let_through(linked_home: Home) -> None:
    assert inside(linked_home.path, "checkpoints/0123456789ab") == linked_home.path / "checkpoints/0123456789ab"
    assert inside(linked_home.path, "runs/new/deep") == linked_home.path / "runs/new/deep"

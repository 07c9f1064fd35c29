"""Writing completely or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rise_core.atomic import atomic_file, atomic_folder


def test_a_file_is_replaced_at_the_end_of_the_block(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    with atomic_file(path) as part:
        part.write_text("first")
        assert not path.exists()
    with atomic_file(path) as part:
        part.write_text("second")
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert os.listdir(path.parent) == ["page.html"]


@pytest.mark.parametrize("atomic", [atomic_file, atomic_folder])
def test_an_exception_leaves_what_was_there(tmp_path: Path, atomic) -> None:
    path = tmp_path / "old"
    path.write_text("as it was")

    def fail() -> None:
        with atomic(path) as part:
            part.write_text("half") if atomic is atomic_file else part.mkdir()
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fail()
    assert path.read_text() == "as it was"
    assert os.listdir(tmp_path) == ["old"]


def test_a_folder_appears_complete(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "model") as part:
        (part / "inner").mkdir(parents=True)
        (part / "inner" / "file").write_text("x")
        assert not (tmp_path / "model").exists()
    assert (tmp_path / "model" / "inner" / "file").read_text() == "x"


def test_a_folder_with_content_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").write_text("kept")
    with pytest.raises(OSError, match="not empty"), atomic_folder(tmp_path / "model") as part:
        part.mkdir()
    assert (tmp_path / "model" / "mine").read_text() == "kept"
    assert os.listdir(tmp_path) == ["model"]


def test_the_remains_of_a_killed_writer_go_with_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "odd [name].html"
    code = (
        "import os, pathlib, sys\nfrom rise_core.atomic import atomic_file\n"
        "with atomic_file(pathlib.Path(sys.argv[1])) as part:\n    part.write_text('half')\n    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], timeout=60).returncode == 9
    assert len(os.listdir(tmp_path)) == 1
    with atomic_file(path) as part:
        part.write_text("whole")
    assert os.listdir(tmp_path) == ["odd [name].html"]

"""An empty lake for each test (a copy of a single new lake), and a home with links to the outside."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.home import Home
from storage.lake import Lake
from storage.location import LakeLocation


@pytest.fixture(autouse=True)
def _embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RISE_LAKE_CATALOG", raising=False)
    monkeypatch.delenv("RISE_LAKE_DATA", raising=False)


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of a new lake, to be copied."""
    home = tmp_path_factory.mktemp("empty") / "home"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RISE_LAKE_CATALOG", "RISE_LAKE_DATA"):
            patch.delenv(name, raising=False)
        Lake(LakeLocation.from_home(home)).close()
    return home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder yet to be made, with a name in need of quotes."""
    return tmp_path / "a home, isn't it"


@pytest.fixture
def lake(home: Path, empty_home: Path) -> Iterator[Lake]:
    """An open lake without rows."""
    shutil.copytree(empty_home, home)
    with Lake(LakeLocation.from_home(home)) as lake:
        yield lake


@pytest.fixture
def linked_home(tmp_path: Path) -> Home:
    """A home folder with symbolic links to a folder outside."""
    home = Home(tmp_path / "home")
    for folder in ("home/checkpoints/0123456789ab", "home/runs", "outside/x"):
        (tmp_path / folder).mkdir(parents=True)
    (home.path / "link").symlink_to(tmp_path / "outside")
    (home.path / "checkpoints/link").symlink_to(tmp_path / "outside")
    (home.path / "runs/linked").symlink_to(tmp_path / "outside")
    return home

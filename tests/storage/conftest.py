from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rise.storage.lake import Lake
from rise.storage.location import LakeLocation


@pytest.fixture(autouse=True)
def _embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RISE_LAKE_CATALOG", raising=False)
    monkeypatch.delenv("RISE_LAKE_DATA", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "a home, isn't it"


@pytest.fixture
def lake(home: Path) -> Iterator[Lake]:
    with Lake(LakeLocation.from_home(home)) as lake:
        yield lake

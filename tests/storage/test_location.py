"""The two URLs of a lake come from the home or the environment, and hold no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from rise_core.errors import UserError
from storage import rollouts
from storage.lake import Lake
from storage.location import LakeLocation
from tests.storage.samples import shard_rows


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("RISE_LAKE_CATALOG", "postgres:host=db dbname=rise user=rise password=planted"),
        ("RISE_LAKE_CATALOG", "postgres:dbname=rise PASSWORD = 'planted'"),
        ("RISE_LAKE_CATALOG", "postgres:postgresql://rise:planted@db/rise"),
        ("RISE_LAKE_CATALOG", "postgresql://rise:planted@db/rise"),
        ("RISE_LAKE_CATALOG", "postgres:postgresql://db/rise?user=rise&password=planted"),
        ("RISE_LAKE_DATA", "s3://key:planted@bucket/prefix"),
        ("RISE_LAKE_DATA", "s3://bucket/prefix?s3_secret_access_key=planted"),
        ("RISE_LAKE_DATA", "s3://bucket/prefix?s3_region=x&s3_session_token=planted"),
    ],
)
def test_a_url_that_holds_a_secret_is_refused_without_showing_it(
    variable: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, url)
    with pytest.raises(UserError, match=f"{variable} holds a password or key") as refused:
        LakeLocation.from_home(tmp_path)
    assert "planted" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("RISE_LAKE_CATALOG", "postgres:host=db dbname=rise user=rise"),
        ("RISE_LAKE_CATALOG", "postgres:postgresql://rise@db:5432/rise"),
        ("RISE_LAKE_CATALOG", "sqlite:/data/a@b:c/catalog.sqlite"),
        ("RISE_LAKE_DATA", "s3://bucket/prefix"),
        ("RISE_LAKE_DATA", "/data/passwords"),
    ],
)
def test_urls_without_one_are_taken(variable: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, url)
    location = LakeLocation.from_home(tmp_path)
    assert url in (location.catalog, location.data)


def test_urls_come_from_the_environment(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISE_LAKE_CATALOG", f"sqlite:{tmp_path / 'elsewhere' / 'c.sqlite'}")
    monkeypatch.setenv("RISE_LAKE_DATA", str(tmp_path / "parquet"))
    with Lake(LakeLocation.from_home(home)) as lake:
        rollouts.append(lake, shard_rows(0, 2))
    assert (tmp_path / "elsewhere" / "c.sqlite").is_file()
    assert list((tmp_path / "parquet").rglob("*.parquet"))
    assert not home.exists()
    monkeypatch.setenv("RISE_LAKE_CATALOG", "mysql:db")
    with pytest.raises(UserError, match="must start with sqlite: or postgres:"):
        LakeLocation.from_home(home)

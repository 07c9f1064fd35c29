"""Any DuckDB session reads the lake after the printed statements, without the network."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from rise_core.errors import UserError
from storage import rollouts
from storage.lake import Lake
from storage.location import LakeLocation
from storage.session import session_sql
from tests.storage.samples import shard_rows


def test_any_duckdb_session_can_attach_offline(lake: Lake) -> None:
    rollouts.append(lake, shard_rows(0, 4))
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as session:
        statements = session_sql(lake.location)
        assert not any("INSTALL" in statement for statement in statements)
        for statement in statements:
            session.execute(statement)
        assert session.execute("SELECT n, accuracy FROM turn_accuracy").fetchall() == [(4, 1.0)]
        assert session.execute("SELECT count(*) FROM episodes").fetchall() == [(4,)]


def test_a_missing_extension_names_its_package(home: Path) -> None:
    with pytest.raises(UserError, match=f"pip install duckdb-extension-postgres-scanner=={duckdb.__version__}"):
        Lake(LakeLocation("postgres:dbname=lake", str(home)))

"""Other programs hold the catalog: commits wait, are repeated, or fail with a clear error."""

from __future__ import annotations

import pytest

from rise_core.errors import UserError
from storage import patience, rollouts
from storage.lake import Lake
from storage.session import open_session
from storage.transaction import Transaction
from tests.storage.samples import count_rollouts, shard_rows, start


def test_a_commit_waits_for_a_program_that_holds_the_catalog(lake: Lake) -> None:
    holder = start("holder", lake.location.catalog_file, 1.0)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    rollouts.append(lake, shard_rows(0, 4))
    assert count_rollouts(lake) == 4
    assert holder.wait() == 0
    holder.stdout.close()


def test_a_commit_is_run_again_when_another_program_committed_first(lake: Lake) -> None:
    attempts = []
    with open_session(lake.location, read_only=False) as other:

        def write(tx: Transaction) -> None:
            attempts.append(tx.execute("SELECT count(*) FROM lake.main.rise_schema"))
            tx.execute("INSERT INTO lake.main.rise_schema VALUES (1)")
            if len(attempts) < 3:
                other.execute("INSERT INTO lake.main.rise_schema VALUES (1)")

        lake.commit(write, run="r1", iteration=1, stage="test")
    assert attempts == [[(1,)], [(2,)], [(3,)]]
    assert lake.query("SELECT * FROM rise_schema").num_rows == 4


def test_a_catalog_that_stays_busy_is_one_clear_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.2)
    with open_session(lake.location, read_only=False) as other:

        def write(tx: Transaction) -> None:
            tx.execute("INSERT INTO lake.main.rise_schema VALUES (1)")
            other.execute("INSERT INTO lake.main.rise_schema VALUES (1)")

        with pytest.raises(UserError, match=r"stayed busy for 0 s .*close the program that holds it and resume"):
            lake.commit(write, run="r1", iteration=1, stage="test")

"""What the machine does to a run is told in one line; what is a bug keeps its traceback."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import duckdb
import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError

from rise_core.errors import EngineLost, RunStopped, UserError
from storage.home import Home
from tasks.run import failures
from tasks.run.failures import explain_failures


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISE_HOME", str(tmp_path))


def told(error: Exception) -> str:
    with pytest.raises(RunStopped) as caught, explain_failures(Home.from_env()):
        raise error
    return str(caught.value)


@pytest.mark.parametrize("error", [EngineLost("engine a died"), OSError(5, "read error"), duckdb.IOException("gone")])
def test_what_the_machine_did_says_how_to_go_on(error: Exception) -> None:
    words = told(error)
    assert "start the same run again to go on" in words
    assert "disk" not in words


def server_error(status: int) -> PrefectHTTPStatusError:
    request = httpx.Request("POST", "http://127.0.0.1:4200/api/flow_runs/1/set_state")
    return PrefectHTTPStatusError("refused", request=request, response=httpx.Response(status, request=request))


def test_a_failing_prefect_server_is_the_machines_failure_and_wrong_credentials_are_not() -> None:
    assert "start the same run again to go on" in told(server_error(500))
    with pytest.raises(PrefectHTTPStatusError), explain_failures(Home.from_env()):
        raise server_error(401)


def test_an_explained_failure_is_not_explained_twice() -> None:
    with pytest.raises(RunStopped, match=r"^once$"), explain_failures(Home.from_env()):
        raise RunStopped("once")


def test_a_full_disk_is_named_by_its_own_error(tmp_path: Path) -> None:
    assert "the disk is full: free some space" in told(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def test_whatever_fails_on_a_full_disk_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says `disk I/O error` only, and a training worker's error comes wrapped."""
    monkeypatch.setattr(failures, "FULL_BYTES", 2**62)
    for error in (duckdb.Error("disk I/O error"), RuntimeError("fine-tuning failed")):
        assert "the disk is full: free some space" in told(error)


@pytest.mark.parametrize("error", [UserError("config: no"), RuntimeError("a bug"), sqlite3.Error("a bug")])
def test_the_users_mistakes_and_bugs_pass(error: Exception) -> None:
    with pytest.raises(type(error)), explain_failures(Home.from_env()):
        raise error

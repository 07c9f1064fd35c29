"""What the embedded Prefect server is started with."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
import typer
from prefect.exceptions import PrefectHTTPStatusError

from flows.cli.messages import one_line_errors
from flows.local.environment import AUTH, SERVER_AUTH, use_home
from flows.local.prefect_server import PrefectServer


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RISE_"))}
    monkeypatch.setattr(os, "environ", kept)


def test_an_own_server_gets_a_password_that_is_another_at_every_start(tmp_path: Path) -> None:
    passwords = set()
    for _ in range(3):
        for name in ("PREFECT_HOME", "PREFECT_API_URL", AUTH, SERVER_AUTH):
            os.environ.pop(name, None)
        use_home(tmp_path)
        PrefectServer.reserve()
        assert os.environ[AUTH] == os.environ[SERVER_AUTH]
        assert len(os.environ[AUTH]) > 40
        passwords.add(os.environ[AUTH])
    assert len(passwords) == 3


@pytest.mark.parametrize("variable", [AUTH, SERVER_AUTH])
def test_a_password_of_the_user_s_serves_both_sides(variable: str, tmp_path: Path) -> None:
    os.environ[variable] = "somebody:a-long-password"
    use_home(tmp_path)
    PrefectServer.reserve()
    assert os.environ[AUTH] == os.environ[SERVER_AUTH] == "somebody:a-long-password"


def test_a_server_elsewhere_is_not_given_one(tmp_path: Path) -> None:
    os.environ["PREFECT_API_URL"] = "http://127.0.0.1:4200/api"
    use_home(tmp_path)
    PrefectServer.reserve()
    assert AUTH not in os.environ
    assert SERVER_AUTH not in os.environ


@pytest.mark.parametrize(("status", "one_line"), [(401, True), (500, False)])
def test_a_wrong_password_is_one_line(status: int, one_line: bool, capsys: pytest.CaptureFixture[str]) -> None:
    request = httpx.Request("GET", "http://127.0.0.1:4200/api/admin/version")
    refused = PrefectHTTPStatusError("refused", request=request, response=httpx.Response(status, request=request))
    with pytest.raises(typer.Exit if one_line else PrefectHTTPStatusError), one_line_errors():
        raise refused
    assert len(capsys.readouterr().err.splitlines()) == one_line

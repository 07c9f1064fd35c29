from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.deployments.served import Served, free_port
from tests.flows.command import processes_of


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """What `make server` gives; at the end `make stop` leaves nothing of it."""
    port = free_port(2)
    served = Served(tmp_path_factory.mktemp("served") / "rise-home", port)
    try:
        said = served.server("start")
        assert f"{served.url}/deployments" in said
        assert f"{served.pages}/runs/RUN/report.html" in said
        assert f"export PREFECT_API_URL={served.url}/api RISE_REPORTS_URL={served.pages}\n" in said
        yield served
    finally:
        served.server("stop")
    assert processes_of(served.home) == []
    for gone in (port, port + 1):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", gone)) != 0

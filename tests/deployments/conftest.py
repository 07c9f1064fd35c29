from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.deployments.served import Served, free_port
from tests.flows.command import processes_of


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Server, pages and worker of one `make server` for all tests; at the end `make stop` leaves no process behind."""
    port = free_port(2)
    served = Served(tmp_path_factory.mktemp("served") / "rise-home", port)
    try:
        printed = served.server("start")
        assert f"{served.url}/deployments" in printed
        assert f"{served.pages}/runs/RUN/report.html" in printed
        assert f"export PREFECT_API_URL={served.url}/api RISE_REPORTS_URL={served.pages}\n" in printed
        yield served
    finally:
        served.server("stop")
    assert processes_of(served.home) == []
    for port_before in (port, port + 1):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port_before)) != 0

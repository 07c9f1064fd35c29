from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.deployments.served import Served
from tests.flows.command import processes_of


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """What `make server` gives; at the end `make stop` leaves nothing of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = Served(tmp_path_factory.mktemp("served") / "rise-home", port)
    try:
        assert f"http://127.0.0.1:{port}/deployments" in served.server("start")
        yield served
    finally:
        served.server("stop")
    assert processes_of(served.home) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0

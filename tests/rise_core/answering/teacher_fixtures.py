"""A real vLLM server as the teacher, one for the session, and a proxy in front of the server; a pytest plugin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.taught import make_teacher
from tests.rise_core.answering.asking import KEY
from tests.rise_core.answering.teacher_server import Proxy, proxy_to, vllm_server


@pytest.fixture(scope="session")
def teacher_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server, without /v1."""
    home = tmp_path_factory.mktemp("teacher")
    with vllm_server(make_teacher(home / "weights"), KEY, home / "log.txt") as address:
        yield address


@pytest.fixture(scope="session")
def _session_proxy(teacher_server: str) -> Iterator[Proxy]:
    with proxy_to(teacher_server) as proxy:
        yield proxy


@pytest.fixture
def proxy(_session_proxy: Proxy) -> Proxy:
    """The proxy, without faults and memories of earlier tests."""
    _session_proxy.reset()
    return _session_proxy

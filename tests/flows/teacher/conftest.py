"""One real vLLM server for all tests of teachers, and a proxy in front of it that each test starts afresh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rise.core.answering.endpoint import Endpoint
from rise.core.config.engine_keys import Teacher
from tests.flows.taught import make_teacher
from tests.flows.teacher.asking import KEY, Ask
from tests.flows.teacher.server import MODEL, Proxy, proxy_to, vllm_server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("teacher")
    with vllm_server(make_teacher(home / "weights"), KEY, home / "log.txt") as address:
        yield address


@pytest.fixture(scope="package")
def running(server: str) -> Iterator[Proxy]:
    with proxy_to(server) as proxy:
        yield proxy


@pytest.fixture
def proxy(running: Proxy) -> Proxy:
    running.reset()
    return running


@pytest.fixture
def endpoint(proxy: Proxy, tmp_path: Path) -> Iterator[Ask]:
    """Makes a client; those of one test share a ledger, as the starts of one run do."""
    made: list[Endpoint] = []

    def make(key: str = KEY, **settings: object) -> Endpoint:
        config = replace(Teacher(model=MODEL, base_url=proxy.url, timeout=30.0), **settings)
        made.append(Endpoint(config, key, tmp_path / "teacher.sqlite"))
        return made[-1]

    yield make
    for one in made:
        one.close()

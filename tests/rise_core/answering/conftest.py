"""Clients of the teacher's endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rise_core.answering.endpoint import Endpoint
from rise_core.config.engine_keys import Teacher
from tests.rise_core.answering.asking import KEY, OpenEndpoint
from tests.rise_core.answering.teacher_server import MODEL, Proxy


@pytest.fixture
def endpoint(proxy: Proxy, tmp_path: Path) -> Iterator[OpenEndpoint]:
    """Opens clients. Those of one test share a ledger, like the starts of one run."""
    opened: list[Endpoint] = []

    def open_endpoint(key: str = KEY, **settings: object) -> Endpoint:
        config = replace(Teacher(model=MODEL, base_url=proxy.url, timeout=30.0), **settings)
        opened.append(Endpoint(config, key, tmp_path / "teacher.sqlite"))
        return opened[-1]

    yield open_endpoint
    for client in opened:
        client.close()

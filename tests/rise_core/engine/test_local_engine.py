"""The preparation of a process for an engine. The tests of `rise solve` cover the engine."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator

import pytest

from rise_core.config.engine_keys import Engine
from rise_core.engine.local_engine import prepare_process


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    os.environ.pop("VLLM_LOGGING_LEVEL", None)
    logger = logging.getLogger("vllm")
    level = logger.level
    with warnings.catch_warnings():
        yield
    logger.setLevel(level)


def test_a_cpu_build_serves_with_one_engine_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1")
    local = prepare_process(Engine(replicas=4, gpus=2, threads=3))
    assert (local.replicas, local.gpus) == (1, 0.0)
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert os.environ["VLLM_LOGGING_LEVEL"] == "ERROR", "the answer is not buried"


def test_the_users_own_logging_level_stays() -> None:
    os.environ["VLLM_LOGGING_LEVEL"] = "DEBUG"
    prepare_process(Engine())
    assert os.environ["VLLM_LOGGING_LEVEL"] == "DEBUG"
    assert logging.getLogger("vllm").level == logging.DEBUG

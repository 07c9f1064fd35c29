"""Engine processes that start before their pool."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import ray

from rise_core.engine.engine_processes import EngineProcesses
from tests.rise_core.engine.tiny import CONFIG


def test_a_process_is_taken_once_and_the_others_end(ray_session: None) -> None:
    processes = EngineProcesses(replace(CONFIG, replicas=2, threads=64), "early")
    try:
        assert len(actors("early")) == 2
        assert processes.take(replace(CONFIG, replicas=2, threads=7), ()) is None, "another environment"
        assert processes.take(replace(CONFIG, replicas=2, threads=64), (0,)) is None, "other cores"
        taken = processes.take(replace(CONFIG, replicas=2, threads=64), ())
        assert taken is not None
    finally:
        processes.close()
    wait_until(lambda: len(actors("early")) == 1)
    assert processes.take(replace(CONFIG, replicas=2, threads=64), ()) is None
    ray.kill(taken)
    wait_until(lambda: not actors("early"))


def test_engines_on_gpus_start_no_process_early() -> None:
    processes = EngineProcesses(replace(CONFIG, gpus=1), "gpus")
    assert processes.take(replace(CONFIG, gpus=1), ()) is None
    processes.close()


def actors(name: str) -> list[str]:
    return [actor for actor in ray.util.list_named_actors() if actor.startswith(f"{name}-engine-")]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)

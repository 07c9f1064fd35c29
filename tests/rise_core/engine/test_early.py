"""Engine processes that start before their pool."""

from __future__ import annotations

import time

import ray

from rise.core.engine import early
from tests.rise_core.engine.tiny import CONFIG


def test_early_processes_that_no_pool_took_end(ray_session: None) -> None:
    with early.started(CONFIG, "unused"):
        assert len(actors("unused")) == 1
    deadline = time.monotonic() + 60
    while actors("unused"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_early_process_is_taken_once(ray_session: None) -> None:
    with early.started(CONFIG, "taken"):
        actor = early.take(CONFIG, ())
        assert actor is not None
        assert early.take(CONFIG, ()) is None
        ray.kill(actor)


def actors(name: str) -> list[str]:
    return [actor for actor in ray.util.list_named_actors() if actor.startswith(f"{name}-engine-")]

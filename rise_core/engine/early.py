"""Engine processes that are started before it is known what they will serve.

Importing vLLM is the longest part of an engine's start, and needs neither weights nor a Prefect server: it goes on
while those are made ready.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import ray

from rise.core.config.engine_keys import Engine
from rise.core.engine.actor import EngineActor
from rise.core.engine.settings import actor_options, cores_of, environment

Kind = tuple[tuple[int, ...], dict[str, str]]  # an engine's cores, and its process's environment
_waiting: list[tuple[Kind, Any]] = []


@contextmanager
def started(config: Engine, name: str) -> Iterator[None]:
    """Start the processes of a run's engines, which `take` gives to its pool; those that are left end with the block.

    Ray must be connected. `name` begins the actors' names, as in EnginePool. For engines on the CPU only: one on a GPU
    holds it from its start, and has to wait for its turn.
    """
    for index in range(config.replicas if config.gpus == 0 else 0):
        options = actor_options(config, f"{name}-engine-{index}-{uuid4().hex[:8]}")
        cores = cores_of(config, index)
        _waiting.append(((cores, environment(config)), ray.remote(EngineActor).options(**options).remote(cores)))
    try:
        yield
    finally:
        left = [actor for _, actor in _waiting]
        _waiting.clear()
        if ray.is_initialized():  # else they have ended with it
            for actor in left:
                ray.kill(actor)


def take(config: Engine, cores: tuple[int, ...]) -> Any:
    """The actor of an early process for an engine with these settings; None where there is none."""
    wanted: Kind = (cores, environment(config))
    for position, (kind, _) in enumerate(_waiting):
        if kind == wanted:
            return _waiting.pop(position)[1]
    return None

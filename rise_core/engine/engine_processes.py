"""Engine processes that start before their weights exist.

    processes = EngineProcesses(config.engine, "demo")
    pool = EnginePool(..., spare=processes.take)

Importing vLLM is the longest part of an engine's start and needs no weights. The processes import vLLM while the base
model is made and boosted.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import ray

from rise_core.config.engine_keys import Engine
from rise_core.engine.actor import EngineActor
from rise_core.engine.settings import actor_options, cores_of, environment


class EngineProcesses:
    """The processes of a run's engines. Each is for the first engine with the same cores and environment."""

    def __init__(self, config: Engine, name: str) -> None:
        """Start one process for each engine on the CPU. Ray must be connected.

        Engines on GPUs get no early process: a process on a GPU would hold the GPU from its start.

        Args:
            name: Begins the actors' names, as in EnginePool.
        """
        self._waiting: list[tuple[tuple[int, ...], dict[str, str], Any]] = []  # cores, environment, actor
        for index in range(config.replicas if config.gpus == 0 else 0):
            options = actor_options(config, f"{name}-engine-{index}-{uuid4().hex[:8]}")
            cores = cores_of(config, index)
            actor = ray.remote(EngineActor).options(**options).remote(cores)
            self._waiting.append((cores, environment(config), actor))

    def take(self, config: Engine, cores: tuple[int, ...]) -> Any:
        """Hand out the process for an engine with these settings; None where none is left."""
        kind = (cores, environment(config))
        for position, (*waiting_kind, actor) in enumerate(self._waiting):
            if tuple(waiting_kind) == kind:
                del self._waiting[position]
                return actor
        return None

    def close(self) -> None:
        """End the processes without an engine."""
        while self._waiting:
            ray.kill(self._waiting.pop()[2])

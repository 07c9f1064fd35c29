"""What makes a function a stage: a Prefect task whose results Prefect does not cache, since the lake holds them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import httpx
from prefect import State, Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun

from rise.core.errors import EngineClosed, EngineError, EngineLost, TrainerLost

P = ParamSpec("P")
R = TypeVar("R")

FIRST_PAUSE = 4.0  # seconds; doubled at every further try
# Drawn once a process: Prefect's retry_jitter_factor does nothing for tasks whose engine runs in the client.
PAUSES = [FIRST_PAUSE * 2**tries * random.uniform(0.5, 1.5) for tries in range(2)]  # noqa: S311


def stage(run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a task; `run_name` names its runs in the UI, with {parameters} filled in.

    It is tried again, after growing pauses, where another try can help. The pool replaces a dead engine and the lake
    waits for a locked catalog on their own, so what arrives here is an engine that died twice, a trainer whose process
    died, or a Prefect server that is away. An engine that did not answer in time is tried once more only: where its
    work takes too long, each try costs `engine.timeout`.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        made: Task[P, R] = task(
            task_run_name=run_name,
            cache_policy=NO_CACHE,
            persist_result=False,  # it would be pickled
            retries=len(PAUSES),
            retry_delay_seconds=PAUSES,
            retry_condition_fn=worth_another_try,
        )(function)
        return made

    return decorate


def worth_another_try(_: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether a task failed by something that passes; never for bad input, nor for engines that are being closed."""
    error = state.data
    if isinstance(error, EngineError) and not isinstance(error, EngineLost):
        return run.run_count < 2 and not isinstance(error, EngineClosed)
    return isinstance(error, EngineLost | TrainerLost | httpx.TransportError)

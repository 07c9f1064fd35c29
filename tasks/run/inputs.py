"""What the user gave, loaded and checked before anything is started."""

from __future__ import annotations

from dataclasses import dataclass

from rise.core import models, verifiers
from rise.core.answering.policies import worked_solution
from rise.core.config.changes import differences
from rise.core.config.choices import PolicyKind, SourceKind
from rise.core.config.keys import Config
from rise.core.config.load import from_yaml, load_config
from rise.core.errors import UserError
from rise.core.problems import ProblemSet, load_problems
from rise.core.records import EVAL_SPLIT, Problem
from rise.core.verifiers.grading_pool import GradingPool
from rise.storage import runs
from rise.storage.home import Home, check_run_name
from rise.storage.lake import Lake

GOLDS = 32  # gold answers of which the verifier must be able to read one


@dataclass(frozen=True)
class Inputs:
    """A run's name, profile, config and problems, all checked: nothing was started for them."""

    run: str
    profile: str
    config: Config
    problems: ProblemSet
    split: str = EVAL_SPLIT  # under which evaluations are stored
    record: runs.RunRecord | None = None  # what the lake had of the run; of a catalog on a server it is not known yet

    def complete(self, iterations: int | None) -> int | None:
        """The iteration at which an advance by `iterations` has nothing left to do; None where it has. Raises UserError
        where a file of the complete run is damaged."""
        goal = next_goal(self.record, self.config, iterations)
        if self.record is None or self.record.iterations_done != goal:
            return None
        with Lake(Home.from_env().lake, read_only=True) as lake:
            lake.check_files(self.run)
        return goal


_checked: dict[tuple[str, str, tuple[str, ...]], Inputs] = {}  # by the command line, for the flow that it starts next


def check_inputs(run: str, profile: str, overrides: list[str]) -> Inputs:
    """Load and check everything the user gave. Raises UserError before any costly work."""
    return _checked.pop((run, profile, tuple(overrides)), None) or load_inputs(run, profile, overrides)


def check_early(run: str, profile: str, overrides: list[str]) -> Inputs:
    """`check_inputs` before anything is started for them; the next one with the same arguments costs nothing: making
    tens of thousands of problems takes seconds."""
    inputs = _checked[run, profile, tuple(overrides)] = load_inputs(run, profile, overrides)
    with Home.from_env().lock(run):  # raises where another process has it
        pass
    return inputs


def load_inputs(run: str, profile: str, overrides: list[str]) -> Inputs:
    check_run_name(run)
    config = load_config(profile, overrides)
    models.check_model(config)
    verifiers.get(config.verify.verifier)
    if config.collect.has_turn(PolicyKind.teacher):
        from rise.tasks.run import teacher_key

        teacher_key.check(config)
    catalog, record = Home.from_env().lake.catalog_file, None
    if catalog is not None and catalog.exists():  # a catalog on a server is asked once the run is locked
        with Lake(Home.from_env().lake, read_only=True) as lake:
            record = runs.find(lake, run)
        check_same_config(record, config)
    problems = load_problems(config)
    if config.collect.has_turn(PolicyKind.gold):
        for problem in problems.train:
            worked_solution(problem)
    check_verifier(config, problems.train)
    return Inputs(run, profile, config, problems, record=record)


def next_goal(record: runs.RunRecord | None, config: Config, iterations: int | None) -> int:
    """The iteration to reach: that of an interrupted advance, or the last one plus `iterations`; with None the config's
    own."""
    reached = -1 if record is None or record.iterations_done is None else record.iterations_done
    if record is not None and record.goal > reached:
        return record.goal
    return max(config.iterations if iterations is None else max(reached, 0) + iterations, reached)


def check_verifier(config: Config, problems: list[Problem]) -> None:
    """Refuse a user's own verifier that cannot grade a problem at all, and gold answers that no verifier can read.
    Those of a generator are graded where they are drawn."""
    if verifiers.is_own(config.verify.verifier):
        some = problems[:1]
    elif config.problems.source is not SourceKind.reasoning_gym:
        some = problems[:GOLDS]
    else:
        return
    with GradingPool(config.verify.verifier, timeout=config.verify.timeout) as graders:
        graders.check_golds(some)


def check_same_config(record: runs.RunRecord | None, config: Config) -> None:
    """A run keeps the config it began with. Raises UserError that names every difference."""
    if record is None:
        return
    changed = differences(from_yaml(record.config), config)
    if changed:
        raise UserError(
            f"run {record.run!r} was begun with another config ({'; '.join(changed)}): "
            "give the stored values, or another run name with --run"
        )

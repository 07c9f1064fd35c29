"""The input to an evaluation under other settings, checked before anything starts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rise_core import verifiers
from rise_core.config.changes import check_split_name, differences, evaluation_config, has_other_problems, split_name
from rise_core.config.choices import SourceKind
from rise_core.config.keys import Config
from rise_core.config.load import from_yaml
from rise_core.errors import UserError
from rise_core.problems import load_problems
from rise_core.problems.held_out import check_untrained, load_held_out
from rise_core.problems.problem_set import ProblemSet
from rise_core.records import EVAL_SPLIT, Problem
from storage import checkpoints, evaluations, metric_rows, problem_rows, runs
from storage.home import Home, check_run_name
from storage.lake import Lake
from storage.location import check_catalog
from tasks.run.inputs import Inputs, check_verifier


@dataclass(frozen=True)
class Evaluation:
    """A checkpoint, and the settings of its evaluation."""

    inputs: Inputs
    iteration: int
    done: bool  # the metrics are in the lake


def check_evaluation(run: str, overrides: list[str], iteration: int | None, split: str | None) -> Evaluation:
    """Find the checkpoint, the settings and the problems of an evaluation.

    Raises:
        UserError: The first mistake, in one line; nothing was started for the evaluation.
    """
    check_run_name(run)
    location = Home.from_env().lake
    check_catalog(location)
    with Lake(location) as lake:  # writable: a lake of an earlier version gets its table `evaluations`
        record = runs.get(lake, run)
        iteration = _iteration(lake, run, iteration)
        stored = from_yaml(record.config)
        config, split = _settings(lake, run, stored, overrides, split)
        problems = _problems(lake, run, split, stored, config)
        done = any(k == iteration for k, _ in metric_rows.read(lake, run, split))
    if not done:
        check_verifier(config, problems)
    return Evaluation(Inputs(run, record.profile, config, ProblemSet([], problems, []), split), iteration, done)


def _iteration(lake: Lake, run: str, iteration: int | None) -> int:
    """The iteration to evaluate; None stands for the newest evaluated by the flow."""
    newest = runs.iterations_done(lake, run)
    chosen = newest if iteration is None else iteration
    if chosen is None:
        raise UserError(f"run {run!r} has no evaluated checkpoint yet: go on with `rise run`, or give --iteration")
    if not checkpoints.has(lake, run, chosen):
        raise UserError(f"run {run!r} has no checkpoint of iteration {chosen}; it has metrics up to {newest}")
    return chosen


def _settings(lake: Lake, run: str, stored: Config, overrides: list[str], split: str | None) -> tuple[Config, str]:
    """The evaluation's config and split. A split in the lake keeps its settings where no override is given."""
    if split is not None and not overrides:
        check_split_name(split)
        known = evaluations.find(lake, run, split)
        if known is not None:
            return from_yaml(known.config), split
    config = evaluation_config(stored, overrides)
    verifiers.get(config.verify.verifier)
    derived = split_name(stored, config)  # refuses the run's own settings, under whatever name
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


def _problems(lake: Lake, run: str, split: str, stored: Config, config: Config) -> list[Problem]:
    """The split's problems: as stored, else the run's held-out ones, else new ones without any training problem."""
    problems = problem_rows.read(lake, run, split)
    if problems:
        return problems
    if not has_other_problems(stored, config):
        problems = problem_rows.read(lake, run, EVAL_SPLIT)
    else:
        problems = load_held_out(config)
        check_untrained(problems, [*problem_rows.read(lake, run, "train"), *_unstored_boost(stored, config)])
    return [replace(problem, split=split) for problem in problems]


def _unstored_boost(stored: Config, config: Config) -> list[Problem]:
    """A generator's boost problems, absent from the lake.

    A generator never trains on its own held-out problems, whatever the parameters: none are returned for the same one.
    """
    same = (stored.problems.source, stored.problems.name) == (config.problems.source, config.problems.name)
    generated = stored.problems.source is SourceKind.reasoning_gym
    return load_problems(stored).boost if stored.boost.problems and generated and not same else []

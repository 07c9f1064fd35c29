"""Stage `prepare`: the run's problems, and the base checkpoint (iteration 0), boosted where the config says so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from prefect import get_run_logger

from rise_core import models
from rise_core.config.choices import Adapter, LossReduction, PolicyKind
from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.method.dialogue import lessons, state_ids, worked_ids
from rise_core.method.episode import shards
from rise_core.models import folder
from rise_core.problems.problem_set import ProblemSet
from rise_core.records import Checkpoint, Problem, TrainRow
from rise_core.seeds import seed_of
from rise_core.streams import batched
from rise_core.training.spec import TrainSpec
from storage import checkpoints, problem_rows
from tasks.run.context import RunContext
from tasks.run.stage import stage
from tasks.run.training import publish, train, write_spec

_LESSONS = 1024  # lessons rendered at a time
_LONGEST = 200  # problems whose length in tokens is checked: those with the longest texts


@stage("prepare {context.name}")
def prepare(context: RunContext) -> None:
    """Commit the problems and the base checkpoint, each unless the lake has it. Check the problems' lengths."""
    lake, run, problems = context.lake, context.name, context.workload.problems
    stored = [problem for split in ("train", "eval") for problem in problem_rows.read(lake, run, split)]
    if not stored:
        problem_rows.append(lake, run, [*problems.train, *problems.eval])
        get_run_logger().info("%d training and %d held-out problems", len(problems.train), len(problems.eval))
    elif stored != [*problems.train, *problems.eval]:
        raise UserError(f"run {run!r} was begun with other problems than these: use them, or another run name")
    if not checkpoints.has(lake, run, 0):
        _build_base(context)
    check_lengths(context)


def _build_base(context: RunContext) -> None:
    """Build, boost and publish the base model as iteration 0."""
    config, logger = context.config, get_run_logger()
    built = context.folder / "base"
    shutil.rmtree(built, ignore_errors=True)  # the remains of an interrupted attempt
    logger.info("base model: %s", config.model.name)
    models.build(config, vocabulary(config, context.workload.problems), built)
    result = None
    if config.boost.problems:
        logger.info("boost: %d worked problems", len(context.workload.problems.boost))
        spec = boost_spec(context.folder, config, context.workload.problems.boost, built)
        result = train(spec, config.train, context.progress, "boost")
        folder.copy_companions(built, Path(result.out_dir))
    publish(context.home, context.lake, context.name, 0, Path(result.out_dir) if result else built, result, None)
    shutil.rmtree(built, ignore_errors=True)


def boost_spec(run_folder: Path, config: Config, problems: list[Problem], base: Path) -> TrainSpec:
    """The supervised fine-tuning of a base model: all weights, every worked problem with the same weight."""
    start = Checkpoint("base", str(base))
    spec = write_spec(run_folder / "training" / "boost", config, boost_rows(config, problems, base), start)
    return replace(
        spec,
        adapter=Adapter.none,
        loss=LossReduction.token_mean,
        optim=config.boost.optim,
        seed=seed_of(config.seed, "boost"),
    )


def vocabulary(config: Config, problems: ProblemSet) -> list[str]:
    """The texts whose words a new tokenizer must know: training problems and the dialogue, nothing held out."""
    texts = [config.dialogue.system, config.dialogue.problem, config.dialogue.feedback]
    for problem in [*problems.boost, *problems.train]:
        texts += [problem.problem, problem.solution or ""]
    return [text.replace("{problem}", "") for text in texts]


def boost_rows(config: Config, problems: list[Problem], base: Path) -> Iterator[TrainRow]:
    """Worked problems as training sequences, `boost.per_sequence` unrelated problems in each.

    Raises:
        UserError: A problem without a worked solution, or a sequence longer than the engines take.
    """
    tokenizer = folder.load_tokenizer(base)
    for groups in batched(shards(problems, config.boost.per_sequence), _LESSONS):
        pairs = [[(problem.problem, _solution(problem)) for problem in group] for group in groups]
        try:
            sequences = lessons(tokenizer, pairs, config.dialogue)
        except ValueError as error:
            raise UserError(f"boost: {error}") from error
        for group, (ids, mask) in zip(groups, sequences, strict=True):
            if len(ids) > config.engine.max_model_len:
                raise UserError(
                    f"boost: {len(group)} problems from {group[0].problem_id} on take {len(ids)} tokens but"
                    f" engine.max_model_len is {config.engine.max_model_len}: raise it or lower boost.per_sequence"
                )
            yield TrainRow(ids, mask, 1.0)


def _solution(problem: Problem) -> str:
    if problem.solution is None:
        raise UserError(f"boost: problem {problem.problem_id} has no worked solution")
    return problem.solution


def check_lengths(context: RunContext) -> None:
    """Raise UserError for a problem without room for a response, before engines start."""
    problems, config = context.workload.problems, context.config
    tokenizer, budget = context.renderer.tokenizer, context.renderer.prompt_budget
    if config.collect.has_turn(PolicyKind.gold):
        _check_solutions(tokenizer, problems.train, config.collect.max_new_tokens)
    for problem in sorted([*problems.train, *problems.eval], key=lambda p: -len(p.problem))[:_LONGEST]:
        length = len(state_ids(tokenizer, problem.problem, [], config.dialogue))
        if length > budget:
            raise UserError(
                f"problem {problem.problem_id} has {length} tokens, over engine.max_model_len - collect.max_new_tokens"
                f" = {budget}: raise the first or take the problem out"
            )


def _check_solutions(tokenizer: object, problems: list[Problem], longest: int) -> None:
    """Raise UserError for a worked solution longer than a response may be: it could not follow every prompt."""
    solutions = worked_ids(tokenizer, [_solution(problem) for problem in problems])
    for problem, ids in zip(problems, solutions, strict=True):
        if len(ids) > longest:
            raise UserError(
                f"the worked solution of problem {problem.problem_id} has {len(ids)} tokens, over"
                f" collect.max_new_tokens = {longest}: raise that or take the problem out"
            )

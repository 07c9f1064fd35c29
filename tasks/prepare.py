"""Stage `prepare`: the run's problems and the base checkpoint, boosted where the config asks for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from prefect import get_run_logger

from rise.core import models
from rise.core.config.choices import Adapter, LossReduction, PolicyKind
from rise.core.errors import UserError
from rise.core.method.dialogue import lessons, state_ids, worked_ids
from rise.core.method.episode import shards
from rise.core.models import folder
from rise.core.records import Checkpoint, Problem, TrainRow
from rise.core.seeds import seed_of
from rise.core.streams import batched
from rise.core.training.spec import TrainSpec
from rise.storage import checkpoints, problem_rows
from rise.tasks.fine_tune import publish, run_training, training_spec
from rise.tasks.run.context import RunContext
from rise.tasks.run.stage import stage

LESSONS = 1024  # written in tokens at a time
LONGEST = 200  # problems whose length is checked: those with the longest texts


@stage("prepare {context.run}")
def prepare(context: RunContext) -> None:
    """Write the problems and iteration 0's checkpoint, each unless it is there."""
    logger = get_run_logger()
    stored = [problem for split in ("train", "eval") for problem in problem_rows.read(context.lake, context.run, split)]
    given = [*context.problems.train, *context.problems.eval]
    if not stored:
        problem_rows.append(context.lake, context.run, given)
        logger.info("%d training and %d held-out problems", len(context.problems.train), len(context.problems.eval))
    elif stored != given:
        raise UserError(f"run {context.run!r} was begun with other problems than these: use them, or another run name")
    if not checkpoints.has(context.lake, context.run, 0):
        build_base(context)
    check_lengths(context)


def build_base(context: RunContext) -> None:
    """Make the base model, boost it, publish it as iteration 0."""
    built = fresh(context.folder / "base")
    logger = get_run_logger()
    logger.info("base model: %s", context.config.model.name)
    models.build(context.config, vocabulary(context), built)
    if not context.config.boost.problems:
        publish(context, 0, built)
        return
    logger.info("boost: %d worked problems", len(context.problems.boost))
    result = run_training(context, plan_boost(context, built), "boost")
    folder.copy_companions(built, Path(result.out_dir))
    publish(context, 0, Path(result.out_dir), result)
    shutil.rmtree(built)


def plan_boost(context: RunContext, base: Path) -> TrainSpec:
    """The supervised fine-tuning of the base model: all weights, every worked problem of the same weight."""
    plan = training_spec(context, "boost", boost_rows(context, base), Checkpoint("base", str(base)))
    return replace(
        plan,
        adapter=Adapter.none,
        loss=LossReduction.token_mean,
        optim=context.config.boost.optim,
        seed=seed_of(context.config.seed, "boost"),
    )


def vocabulary(context: RunContext) -> list[str]:
    """The texts that a tokenizer made from scratch must know: of training problems and the dialogue, not of held-out
    ones."""
    texts = [context.config.dialogue.system, context.config.dialogue.problem, context.config.dialogue.feedback]
    for problem in [*context.problems.boost, *context.problems.train]:
        texts += [problem.problem, problem.solution or ""]
    return [text.replace("{problem}", "") for text in texts]


def boost_rows(context: RunContext, base: Path) -> Iterator[TrainRow]:
    """Worked problems as training sequences, `boost.per_sequence` to each."""
    tokenizer = folder.load_tokenizer(base)
    for groups in batched(shards(context.problems.boost, context.config.boost.per_sequence), LESSONS):
        wanted = [[(problem.problem, solution(problem)) for problem in group] for group in groups]
        try:
            made = lessons(tokenizer, wanted, context.config.dialogue)
        except ValueError as error:
            raise UserError(f"boost: {error}") from error
        for group, (ids, mask) in zip(groups, made, strict=True):
            if len(ids) > context.config.engine.max_model_len:
                raise UserError(
                    f"boost: {len(group)} problems from {group[0].problem_id} on take {len(ids)} tokens but"
                    f" engine.max_model_len is {context.config.engine.max_model_len}: raise it or lower "
                    "boost.per_sequence"
                )
            yield TrainRow(ids, mask, 1.0)


def solution(problem: Problem) -> str:
    if problem.solution is None:
        raise UserError(f"boost: problem {problem.problem_id} has no worked solution")
    return problem.solution


def check_lengths(context: RunContext) -> None:
    """Refuse problems that leave no room for a response, before an engine is started for them."""
    problems = [*context.problems.train, *context.problems.eval]
    if context.config.collect.has_turn(PolicyKind.gold):
        check_solutions(context)
    for problem in sorted(problems, key=lambda p: -len(p.problem))[:LONGEST]:
        length = len(state_ids(context.tokenizer, problem.problem, [], context.config.dialogue))
        if length > context.prompt_budget:
            raise UserError(
                f"problem {problem.problem_id} has {length} tokens, over engine.max_model_len - collect.max_new_tokens"
                f" = {context.prompt_budget}: raise the first or take the problem out"
            )


def check_solutions(context: RunContext) -> None:
    """Refuse worked solutions that are longer than a response may be: they could not stand after every prompt."""
    longest = context.config.collect.max_new_tokens
    written = worked_ids(context.tokenizer, [solution(problem) for problem in context.problems.train])
    for problem, ids in zip(context.problems.train, written, strict=True):
        if len(ids) > longest:
            raise UserError(
                f"the worked solution of problem {problem.problem_id} has {len(ids)} tokens, over"
                f" collect.max_new_tokens = {longest}: raise that or take the problem out"
            )


def fresh(path: Path) -> Path:
    """An empty folder, without what an interrupted attempt left there."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path

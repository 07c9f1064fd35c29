"""Stage `prepare`: the run's problems and the base checkpoint, boosted where the config asks for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from prefect import get_run_logger

from rise_core import models
from rise_core.batching import batched
from rise_core.config import Adapter, LossReduction, PolicyKind
from rise_core.dialogue import lessons, state_ids, worked_ids
from rise_core.episode import shards
from rise_core.errors import UserError
from rise_core.models import folder
from rise_core.records import Problem, TrainRow
from rise_core.seeds import seed_of
from rise_core.training.job import TrainJob
from storage import checkpoints, runs
from tasks.fine_tune import publish, run_training, training_job
from tasks.job import Job
from tasks.stage import stage

LESSONS = 1024  # written in tokens at a time
LONGEST = 200  # problems whose length is checked: those with the longest texts


@stage("prepare {job.run}")
def prepare(job: Job) -> None:
    """Write the problems and iteration 0's checkpoint, each unless it is there."""
    logger = get_run_logger()
    stored = [problem for split in ("train", "eval") for problem in runs.read_problems(job.lake, job.run, split)]
    given = [*job.problems.train, *job.problems.eval]
    if not stored:
        runs.write_problems(job.lake, job.run, given)
        logger.info("%d training and %d held-out problems", len(job.problems.train), len(job.problems.eval))
    elif stored != given:
        raise UserError(f"run {job.run!r} was begun with other problems than these: use them, or another run name")
    if checkpoints.get(job.lake, job.run, 0) is None:
        build_base(job)
    check_lengths(job)


def build_base(job: Job) -> None:
    """Make the base model, boost it, publish it as iteration 0."""
    built = fresh(job.folder / "base")
    logger = get_run_logger()
    logger.info("base model: %s", job.config.model.name)
    models.build(job.config, vocabulary(job), built)
    if not job.config.boost.problems:
        publish(job, 0, built)
        return
    logger.info("boost: %d worked problems", len(job.problems.boost))
    result = run_training(job, plan_boost(job, built), "boost")
    folder.copy_companions(built, Path(result.out_dir))
    publish(job, 0, Path(result.out_dir), result)
    shutil.rmtree(built)


def plan_boost(job: Job, base: Path) -> TrainJob:
    """The supervised fine-tuning of the base model: all weights, every worked problem of the same weight."""
    plan = training_job(job, "boost", boost_rows(job, base), str(base), None)
    return replace(
        plan,
        adapter=Adapter.none,
        loss=LossReduction.token_mean,
        optim=job.config.boost.optim,
        seed=seed_of(job.config.seed, "boost"),
    )


def vocabulary(job: Job) -> list[str]:
    """The texts that a tokenizer made from scratch must know: of training problems and the dialogue, not of held-out
    ones."""
    texts = [job.config.dialogue.system, job.config.dialogue.problem, job.config.dialogue.feedback]
    for problem in [*job.problems.boost, *job.problems.train]:
        texts += [problem.problem, problem.solution or ""]
    return [text.replace("{problem}", "") for text in texts]


def boost_rows(job: Job, base: Path) -> Iterator[TrainRow]:
    """Worked problems as training sequences, `boost.per_sequence` to each."""
    tokenizer = folder.load_tokenizer(base)
    for groups in batched(shards(job.problems.boost, job.config.boost.per_sequence), LESSONS):
        wanted = [[(problem.problem, solution(problem)) for problem in group] for group in groups]
        try:
            made = lessons(tokenizer, wanted, job.config.dialogue)
        except ValueError as error:
            raise UserError(f"boost: {error}") from error
        for group, (ids, mask) in zip(groups, made, strict=True):
            if len(ids) > job.config.engine.max_model_len:
                raise UserError(
                    f"boost: {len(group)} problems from {group[0].problem_id} on take {len(ids)} tokens but"
                    f" engine.max_model_len is {job.config.engine.max_model_len}: raise it or lower boost.per_sequence"
                )
            yield TrainRow(ids, mask, 1.0)


def solution(problem: Problem) -> str:
    if problem.solution is None:
        raise UserError(f"boost: problem {problem.problem_id} has no worked solution")
    return problem.solution


def check_lengths(job: Job) -> None:
    """Refuse problems that leave no room for a response, before an engine is started for them."""
    problems = [*job.problems.train, *job.problems.eval]
    if job.config.collect.has_turn(PolicyKind.gold):
        check_solutions(job)
    for problem in sorted(problems, key=lambda p: -len(p.problem))[:LONGEST]:
        length = len(state_ids(job.tokenizer, problem.problem, [], job.config.dialogue))
        if length > job.prompt_budget:
            raise UserError(
                f"problem {problem.problem_id} has {length} tokens, over engine.max_model_len - collect.max_new_tokens"
                f" = {job.prompt_budget}: raise the first or take the problem out"
            )


def check_solutions(job: Job) -> None:
    """Refuse worked solutions that are longer than a response may be: they could not stand after every prompt."""
    longest = job.config.collect.max_new_tokens
    written = worked_ids(job.tokenizer, [solution(problem) for problem in job.problems.train])
    for problem, ids in zip(job.problems.train, written, strict=True):
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

"""Stage `verify_answers`: grade one turn of one shard and commit it to the lake."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from prefect import get_run_logger

from rise.core.method.episode import WorkUnit
from rise.core.records import Rollout, Verdict
from rise.storage import rollouts, staging
from rise.tasks.run.context import RunContext
from rise.tasks.run.stage import stage


@stage("verify {context.run} {key}")
def verify_answers(context: RunContext, key: WorkUnit, staged: Path | None) -> None:
    """Give every response its verdict, answer and reward; commit the turn as one version of the lake."""
    if staged is None:
        context.progress.step()
        return
    sampled = staging.read(staged)
    if sampled is None:
        raise RuntimeError(f"{staged} is gone or damaged; run again and it is sampled anew")
    graded = grade(context, sampled)
    rollouts.append(context.lake, graded)
    staged.unlink()
    get_run_logger().info("%s %s: %s", context.progress.step(), key, summary(graded))


def grade(context: RunContext, sampled: list[Rollout]) -> list[Rollout]:
    grades = context.graders.grade([(rollout.response, context.problem[rollout.problem_id]) for rollout in sampled])
    return [
        replace(rollout, answer=found.answer, verdict=found.verdict.value, reward=found.reward)
        for rollout, found in zip(sampled, grades, strict=True)
    ]


def summary(graded: list[Rollout]) -> str:
    """One line about a turn: how many responses, how many of each verdict, how many tokens."""
    counts = Counter(rollout.verdict for rollout in graded)
    verdicts = ", ".join(f"{counts[v.value]:,} {v.value}" for v in Verdict if counts[v.value])
    tokens = sum(len(rollout.response_ids) for rollout in graded)
    return f"{len(graded):,} responses ({verdicts}), {tokens:,} tokens"

"""Stage `verify_answers`: grade one turn of one shard and commit it to the lake."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from prefect import get_run_logger

from rise_core.episode import ShardTurn
from rise_core.records import Rollout, Verdict
from storage import rollouts, staging
from tasks.job import Job
from tasks.stage import stage


@stage("verify {job.run} {key}")
def verify_answers(job: Job, key: ShardTurn, staged: Path | None) -> None:
    """Give every response its verdict, answer and reward; commit the turn as one version of the lake."""
    if staged is None:
        job.progress.step()
        return
    sampled = staging.read(staged)
    if sampled is None:
        raise RuntimeError(f"{staged} is gone or damaged; run again and it is sampled anew")
    graded = grade(job, sampled)
    rollouts.append_rollouts(job.lake, graded)
    staged.unlink()
    get_run_logger().info("%s %s: %s", job.progress.step(), key, summary(graded))


def grade(job: Job, sampled: list[Rollout]) -> list[Rollout]:
    grades = job.graders.grade([(rollout.response, job.problem[rollout.problem_id]) for rollout in sampled])
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

"""Stage `verify_answers`: grade the responses of a unit (a turn of a shard) and commit both to the lake."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from prefect import get_run_logger

from rise_core.method.episode import WorkUnit
from rise_core.records import Rollout, Verdict
from storage import rollouts, staging
from tasks.run.context import RunContext
from tasks.run.stage import stage


@stage("verify {context.name} {unit}")
def verify_answers(context: RunContext, unit: WorkUnit, staged: Path | None) -> None:
    """Grade every staged response; commit the unit as one version of the lake.

    Args:
        staged: The file of stage `sample_turns`; None where the unit has no open state.
    """
    if staged is None:
        context.progress.step()
        return
    sampled = staging.read(staged)
    if sampled is None:
        raise RuntimeError(f"{staged} is gone or damaged; run again and it is sampled anew")

    problems = context.workload.by_id
    grades = context.graders.grade([(rollout.response, problems[rollout.problem_id]) for rollout in sampled])
    graded = [
        replace(rollout, answer=grade.answer, verdict=grade.verdict.value, reward=grade.reward)
        for rollout, grade in zip(sampled, grades, strict=True)
    ]

    rollouts.append(context.lake, graded)
    staged.unlink()
    get_run_logger().info("%s %s: %s", context.progress.step(), unit, _summary(graded))


def _summary(graded: list[Rollout]) -> str:
    """Responses, verdicts and tokens of a unit, for the log."""
    counts = Counter(rollout.verdict for rollout in graded)
    verdicts = ", ".join(f"{counts[v.value]:,} {v.value}" for v in Verdict if counts[v.value])
    tokens = sum(len(rollout.response_ids) for rollout in graded)
    return f"{len(graded):,} responses ({verdicts}), {tokens:,} tokens"

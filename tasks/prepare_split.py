"""Stage `prepare_split`: the settings and the problems of an evaluation under other settings."""

from __future__ import annotations

from prefect import get_run_logger

from rise_core.episode import State
from rise_core.profiles import to_yaml
from storage import evaluations
from tasks.job import Job
from tasks.prepare import check_lengths
from tasks.stage import stage


@stage("prepare {job.run} {job.split}")
def prepare_split(job: Job) -> None:
    """Write the split's settings and problems, unless they are there."""
    if evaluations.get(job.lake, job.run, job.split) is None:
        record = evaluations.EvaluationRecord(job.run, job.split, to_yaml(job.config))
        evaluations.create(job.lake, record, job.problems.eval)
        get_run_logger().info("split %s: %d held-out problems", job.split, len(job.problems.eval))
    check_lengths(job)
    warn_of_unknown_words(job)


def warn_of_unknown_words(job: Job) -> None:
    """A word-level tokenizer knows the words of its own family only: say so where another family has others."""
    unknown = job.tokenizer.unk_token_id
    if unknown is None:
        return
    # With an attempt in view, so that the feedback is rendered too.
    states = job.render([State(problem, ("",)) for problem in job.problems.eval])
    blank = sum(unknown in ids for ids in states)
    if blank:
        get_run_logger().warning("%d of %d prompts hold words that the model's tokenizer lacks", blank, len(states))

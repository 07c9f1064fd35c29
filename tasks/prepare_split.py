"""Stage `prepare_split`: the settings and the problems of an evaluation under other settings."""

from __future__ import annotations

from prefect import get_run_logger

from rise.core.config.load import to_yaml
from rise.core.method.episode import State
from rise.storage import evaluations
from rise.tasks.prepare import check_lengths
from rise.tasks.run.context import RunContext
from rise.tasks.run.stage import stage


@stage("prepare {context.run} {context.split}")
def prepare_split(context: RunContext) -> None:
    """Write the split's settings and problems, unless they are there."""
    if evaluations.find(context.lake, context.run, context.split) is None:
        record = evaluations.EvaluationRecord(context.run, context.split, to_yaml(context.config))
        evaluations.append(context.lake, record, context.problems.eval)
        get_run_logger().info("split %s: %d held-out problems", context.split, len(context.problems.eval))
    check_lengths(context)
    warn_of_unknown_words(context)


def warn_of_unknown_words(context: RunContext) -> None:
    """A word-level tokenizer knows the words of its own family only: say so where another family has others."""
    unknown = context.tokenizer.unk_token_id
    if unknown is None:
        return
    # With an attempt in view, so that the feedback is rendered too.
    states = context.render([State(problem, ("",)) for problem in context.problems.eval])
    blank = sum(unknown in ids for ids in states)
    if blank:
        get_run_logger().warning("%d of %d prompts hold words that the model's tokenizer lacks", blank, len(states))

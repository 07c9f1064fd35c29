"""Stage `prepare_split`: the settings and the problems of an evaluation under other settings."""

from __future__ import annotations

from prefect import get_run_logger

from rise_core.config.load import to_yaml
from rise_core.method.episode import State
from storage import evaluations
from tasks.prepare import check_lengths
from tasks.run.context import RunContext
from tasks.run.stage import stage


@stage("prepare {context.name} {context.split}")
def prepare_split(context: RunContext) -> None:
    """Commit the split's settings and problems, unless the lake has them; check the problems' lengths."""
    lake, run, split, problems = context.lake, context.name, context.split, context.workload.problems.eval
    if evaluations.find(lake, run, split) is None:
        evaluations.append(lake, evaluations.EvaluationRecord(run, split, to_yaml(context.config)), problems)
        get_run_logger().info("split %s: %d held-out problems", split, len(problems))
    check_lengths(context)
    _warn_of_unknown_words(context)


def _warn_of_unknown_words(context: RunContext) -> None:
    """Warn of prompts with words outside a word-level vocabulary, as another problem family may have them."""
    unknown = context.renderer.tokenizer.unk_token_id
    if unknown is None:
        return
    # One empty attempt brings the feedback into the prompt.
    states = [State(problem, ("",)) for problem in context.workload.problems.eval]
    prompts = [ids for _, ids in context.renderer.render(states)]
    affected = sum(unknown in ids for ids in prompts)
    if affected:
        get_run_logger().warning("%d of %d prompts hold words that the model's tokenizer lacks", affected, len(prompts))

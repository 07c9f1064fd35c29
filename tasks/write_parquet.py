"""Stage `write_parquet`: the selected responses as weighted examples, one version of the lake."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from prefect import get_run_logger

from rise.core.method.episode import State
from rise.core.method.selection import reward
from rise.core.method.weights import plain_weights
from rise.core.records import Example, Rollout
from rise.storage import examples, rollouts
from rise.tasks.run.context import RunContext
from rise.tasks.run.stage import stage


@stage("write {context.run} {iteration}")
def write_parquet(context: RunContext, iteration: int, picked: pa.Table) -> None:
    """Commit the examples of the picked responses and mark their rollouts as selected, in one transaction."""
    if examples.has(context.lake, context.run, iteration):
        return
    version = examples.append(context.lake, context.run, iteration, build(context, iteration, picked))
    get_run_logger().info("iteration %d: %d examples are version %d of the lake", iteration, len(picked), version)


def build(context: RunContext, iteration: int, picked: pa.Table) -> Iterator[Example]:
    """Examples, shard by shard: the state as it was sampled from, the response ids as they were sampled."""
    for shard in rollouts.read_targets(context.lake, context.run, iteration, picked):
        yield from of_shard(context, shard)


def of_shard(context: RunContext, shard: list[Rollout]) -> list[Example]:
    """The examples of a shard's selected responses, each after the attempts before it."""
    attempts: dict[str, list[str]] = {}
    targets = [rollout for rollout in shard if rollout.selected]
    for rollout in shard:
        if rollout.sample == 0:
            attempts.setdefault(rollout.problem_id, []).append(rollout.response)
    states = [State(context.problem[t.problem_id], tuple(attempts[t.problem_id][: t.turn - 1])) for t in targets]
    # As they are: `train.normalise` looks at all that is trained on, which may be more than this iteration.
    weights = plain_weights([reward(t) for t in targets], context.config.train.tau, context.config.train.normalise)
    return [example(*parts) for parts in zip(targets, context.render(states), weights, strict=True)]


def example(target: Rollout, prompt: list[int], weight: float) -> Example:
    if len(prompt) != target.prompt_tokens:
        raise RuntimeError(
            f"problem {target.problem_id} turn {target.turn}: the state renders to {len(prompt)} tokens but was "
            f"sampled from {target.prompt_tokens}: the chat template or the tokenizer changed since"
        )
    return Example(target.problem_id, target.turn, target.sample, prompt, target.response_ids, reward(target), weight)

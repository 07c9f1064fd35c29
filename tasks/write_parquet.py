"""Stage `write_parquet`: commit the selected responses as weighted examples, one version of the lake."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from prefect import get_run_logger

from rise_core.method.episode import State
from rise_core.method.selection import reward
from rise_core.method.weights import plain_weights
from rise_core.records import Example, Rollout
from storage import examples, rollouts
from tasks.run.context import RunContext
from tasks.run.stage import stage


@stage("write {context.name} {iteration}")
def write_parquet(context: RunContext, iteration: int, picked: pa.Table) -> None:
    """Commit the picked responses as examples. The same transaction marks their rollouts as selected.

    Args:
        picked: The keys returned by stage `pick_improved`.
    """
    lake, run = context.lake, context.name
    if examples.has(lake, run, iteration):
        return
    shards = rollouts.read_targets(lake, run, iteration, picked)
    version = examples.append(lake, run, iteration, _examples(context, shards))
    get_run_logger().info("iteration %d: %d examples are version %d of the lake", iteration, len(picked), version)


def _examples(context: RunContext, shards: Iterator[list[Rollout]]) -> Iterator[Example]:
    """Examples, shard by shard: the state and the token ids of each target exactly as sampled."""
    problems, train = context.workload.by_id, context.config.train
    for shard in shards:
        targets, states = _targets(shard), []
        attempts = _attempts(shard)
        for target in targets:
            earlier = attempts[target.problem_id][: target.turn - 1]
            states.append(State(problems[target.problem_id], tuple(earlier)))
        prompts = [ids for _, ids in context.renderer.render(states)]
        # Before `train.normalise`: its mean is over all examples of a fine-tuning, maybe of several iterations.
        weights = plain_weights([reward(target) for target in targets], train.tau, train.normalise)
        yield from (_example(*parts) for parts in zip(targets, prompts, weights, strict=True))


def _targets(shard: list[Rollout]) -> list[Rollout]:
    return [rollout for rollout in shard if rollout.selected]


def _attempts(shard: list[Rollout]) -> dict[str, list[str]]:
    """The attempts in view of later turns, by problem: sample 0 of every turn."""
    attempts: dict[str, list[str]] = {}
    for rollout in shard:
        if rollout.sample == 0:
            attempts.setdefault(rollout.problem_id, []).append(rollout.response)
    return attempts


def _example(target: Rollout, prompt: list[int], weight: float) -> Example:
    """An example. Raises RuntimeError where the state renders to another length than at sampling."""
    if len(prompt) != target.prompt_tokens:
        raise RuntimeError(
            f"problem {target.problem_id} turn {target.turn}: the state renders to {len(prompt)} tokens but was "
            f"sampled from {target.prompt_tokens}: the chat template or the tokenizer changed since"
        )
    return Example(target.problem_id, target.turn, target.sample, prompt, target.response_ids, reward(target), weight)

"""Stage `sample_turns`: the responses of one turn of one shard, staged as Parquet until they are graded."""

from __future__ import annotations

from pathlib import Path

from rise.core.answering.renderer import Prompt, Response
from rise.core.method.episode import State, WorkUnit, is_repetitive, open_states, request_seed
from rise.core.records import Rollout
from rise.storage import rollouts, staging
from rise.tasks.run.context import RunContext
from rise.tasks.run.stage import stage


@stage("sample {context.run} {key}")
def sample_turns(context: RunContext, key: WorkUnit) -> Path | None:
    """Have every open state of the key answered. Returns the staged file, or None where no episode is open any more."""
    policy = context.turn_policy(key)
    path = context.staged(key)
    if [rollout.policy for rollout in staging.read(path) or []][:1] == [policy.name]:
        return path  # sampled before a crash, not yet committed
    states = states_of(context, key)
    if not states:
        return None
    prompts = prompts_of(context, key, states)
    responses = policy.answer(prompts, context.sampling(context.plan(key.purpose)))
    sampled = [
        to_rollout(context, key, policy.name, prompt, sample, response)
        for prompt, several in zip(prompts, responses, strict=True)
        for sample, response in enumerate(several)
    ]
    staging.write(path, sampled)
    return path


def prompts_of(context: RunContext, key: WorkUnit, states: list[State]) -> list[Prompt]:
    n = context.plan(key.purpose).samples[key.turn - 1]
    return [
        Prompt(state.problem, chat, ids, n, request_seed(context.config.seed, key, state.problem.problem_id))
        for state, (chat, ids) in zip(states, context.renderer.render(states), strict=True)
    ]


def states_of(context: RunContext, key: WorkUnit) -> list[State]:
    """The open states of a shard at a turn, from what the lake holds of its earlier turns."""
    problems = context.shards(key.iteration, key.purpose)[key.shard]
    earlier = []
    if key.turn > 1:
        earlier = rollouts.read(context.lake, context.run, key.iteration, key.purpose.value, key.shard, split=key.split)
    return open_states(context.plan(key.purpose), problems, earlier, key.turn)


def to_rollout(
    context: RunContext, key: WorkUnit, policy: str, prompt: Prompt, sample: int, response: Response
) -> Rollout:
    completion = response.completion
    return Rollout(
        run=context.run,
        iteration=key.iteration,
        purpose=key.purpose.value,
        split=key.split,
        problem_id=prompt.problem.problem_id,
        shard=key.shard,
        turn=key.turn,
        sample=sample,
        policy=policy,
        response=response.text,
        response_ids=completion.token_ids,
        prompt_tokens=len(prompt.prompt_ids),
        finish_reason=completion.finish_reason,
        repetitive=is_repetitive(completion.token_ids),
        seed=prompt.seed + sample,
        latency=completion.latency,
    )

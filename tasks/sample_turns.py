"""Stage `sample_turns`: the responses of one turn of one shard, staged as Parquet until they are graded."""

from __future__ import annotations

from pathlib import Path

from rise_core.episode import ShardTurn, State, is_repetitive, open_states, request_seed
from rise_core.records import Completion, Rollout, SampleRequest
from storage import rollouts, staging
from tasks.job import Job
from tasks.stage import stage


@stage("sample {job.run} {key}")
def sample_turns(job: Job, key: ShardTurn) -> Path | None:
    """Sample every open state of the key. Returns the staged file, or None where no episode is open any more."""
    if job.engines is None:
        raise RuntimeError("no engine pool: call Job.use_policy before sampling")
    policy = job.engines.policy.checkpoint_id
    path = job.staged(key)
    if [rollout.policy for rollout in staging.read(path) or []][:1] == [policy]:
        return path  # sampled before a crash, not yet committed
    states = states_of(job, key)
    if not states:
        return None
    plan = job.plan(key.purpose)
    prompts = job.render(states)
    seeds = [request_seed(job.config.seed, key, state.problem.problem_id) for state in states]
    requests = [
        SampleRequest(prompt, plan.samples[key.turn - 1], seed) for prompt, seed in zip(prompts, seeds, strict=True)
    ]
    answers = job.engines.sample(requests, job.sampling(plan))
    flat = [
        (state, request, sample, completion)
        for state, request, completions in zip(states, requests, answers, strict=True)
        for sample, completion in enumerate(completions)
    ]
    texts = job.decode([completion.token_ids for *_, completion in flat])
    staging.write(path, [to_rollout(job, key, policy, *row, text) for row, text in zip(flat, texts, strict=True)])
    return path


def states_of(job: Job, key: ShardTurn) -> list[State]:
    """The open states of a shard at a turn, from what the lake holds of its earlier turns."""
    problems = job.shards(key.iteration, key.purpose)[key.shard]
    earlier = []
    if key.turn > 1:
        earlier = rollouts.read_rollouts(job.lake, job.run, key.iteration, key.purpose.value, shard=key.shard)
    return open_states(job.plan(key.purpose), problems, earlier, key.turn)


def to_rollout(
    job: Job,
    key: ShardTurn,
    policy: str,
    state: State,
    request: SampleRequest,
    sample: int,
    completion: Completion,
    text: str,
) -> Rollout:
    return Rollout(
        run=job.run,
        iteration=key.iteration,
        purpose=key.purpose.value,
        split=state.problem.split,
        problem_id=state.problem.problem_id,
        shard=key.shard,
        turn=key.turn,
        sample=sample,
        policy=policy,
        response=text,
        response_ids=completion.token_ids,
        prompt_tokens=len(request.prompt_ids),
        finish_reason=completion.finish_reason,
        repetitive=is_repetitive(completion.token_ids),
        seed=request.seed + sample,
        latency=completion.latency,
    )

"""Stage `sample_turns`: the responses of one turn of one shard, staged as Parquet until they are graded."""

from __future__ import annotations

from pathlib import Path

from rise_core.episode import ShardTurn, State, is_repetitive, open_states, request_seed
from rise_core.records import Rollout
from rise_core.wording import Answer, Question
from storage import rollouts, staging
from tasks.job import Job
from tasks.stage import stage


@stage("sample {job.run} {key}")
def sample_turns(job: Job, key: ShardTurn) -> Path | None:
    """Have every open state of the key answered. Returns the staged file, or None where no episode is open any more."""
    policy = job.turn_policy(key)
    path = job.staged(key)
    if [rollout.policy for rollout in staging.read(path) or []][:1] == [policy.name]:
        return path  # sampled before a crash, not yet committed
    states = states_of(job, key)
    if not states:
        return None
    questions = questions_of(job, key, states)
    answers = policy.answer(questions, job.sampling(job.plan(key.purpose)))
    sampled = [
        to_rollout(job, key, policy.name, question, sample, answer)
        for question, several in zip(questions, answers, strict=True)
        for sample, answer in enumerate(several)
    ]
    staging.write(path, sampled)
    return path


def questions_of(job: Job, key: ShardTurn, states: list[State]) -> list[Question]:
    n = job.plan(key.purpose).samples[key.turn - 1]
    return [
        Question(state.problem, chat, ids, n, request_seed(job.config.seed, key, state.problem.problem_id))
        for state, (chat, ids) in zip(states, job.wording.states(states), strict=True)
    ]


def states_of(job: Job, key: ShardTurn) -> list[State]:
    """The open states of a shard at a turn, from what the lake holds of its earlier turns."""
    problems = job.shards(key.iteration, key.purpose)[key.shard]
    earlier = []
    if key.turn > 1:
        earlier = rollouts.read_rollouts(
            job.lake, job.run, key.iteration, key.purpose.value, key.shard, split=key.split
        )
    return open_states(job.plan(key.purpose), problems, earlier, key.turn)


def to_rollout(job: Job, key: ShardTurn, policy: str, question: Question, sample: int, answer: Answer) -> Rollout:
    completion = answer.completion
    return Rollout(
        run=job.run,
        iteration=key.iteration,
        purpose=key.purpose.value,
        split=key.split,
        problem_id=question.problem.problem_id,
        shard=key.shard,
        turn=key.turn,
        sample=sample,
        policy=policy,
        response=answer.text,
        response_ids=completion.token_ids,
        prompt_tokens=len(question.prompt_ids),
        finish_reason=completion.finish_reason,
        repetitive=is_repetitive(completion.token_ids),
        seed=question.seed + sample,
        latency=completion.latency,
    )

"""Stage `sample_turns`: the responses of a unit (a turn of a shard), staged on disk until graded."""

from __future__ import annotations

from pathlib import Path

from rise_core.answering.renderer import Prompt, Response
from rise_core.method.episode import State, WorkUnit, is_repetitive, open_states, request_seed
from rise_core.records import Rollout, SamplingSettings
from storage import rollouts, staging
from tasks.run.context import RunContext
from tasks.run.stage import stage
from tasks.run.work import staged_path


@stage("sample {context.name} {unit}")
def sample_turns(context: RunContext, unit: WorkUnit) -> Path | None:
    """Sample the open states of a unit. Returns the staged file, or None where no episode is open any more."""
    plan = context.workload.plans[unit.purpose]
    policy = context.answering.policy(plan.policies[unit.turn - 1], context.renderer)
    path = staged_path(context.folder, unit)
    if _staged_policy(path) == policy.name:
        return path  # sampled before a crash, and not yet committed
    states = read_states(context, unit)
    if not states:
        return None

    prompts = _prompts(context, unit, states)
    max_new_tokens = context.config.collect.max_new_tokens
    settings = SamplingSettings(plan.temperature, plan.top_p, max_new_tokens, context.stop_token_ids)
    responses = policy.answer(prompts, settings)

    rows = [
        _rollout(context.name, unit, policy.name, prompt, sample, response)
        for prompt, several in zip(prompts, responses, strict=True)
        for sample, response in enumerate(several)
    ]
    staging.write(path, rows)
    return path


def read_states(context: RunContext, unit: WorkUnit) -> list[State]:
    """The open states of a unit, from the lake's rows of the shard's earlier turns."""
    earlier = []
    if unit.turn > 1:
        purpose = unit.purpose.value
        earlier = rollouts.read(context.lake, context.name, unit.iteration, purpose, unit.shard, split=unit.split)
    problems = context.workload.shards(unit.iteration, unit.purpose)[unit.shard]
    return open_states(context.workload.plans[unit.purpose], problems, earlier, unit.turn)


def _staged_policy(path: Path) -> str | None:
    """The policy that answered a staged unit; None where nothing readable is staged."""
    rows = staging.read(path)
    return rows[0].policy if rows else None


def _prompts(context: RunContext, unit: WorkUnit, states: list[State]) -> list[Prompt]:
    samples = context.workload.plans[unit.purpose].samples[unit.turn - 1]
    return [
        Prompt(state.problem, chat, ids, samples, request_seed(context.config.seed, unit, state.problem.problem_id))
        for state, (chat, ids) in zip(states, context.renderer.render(states), strict=True)
    ]


def _rollout(run: str, unit: WorkUnit, policy: str, prompt: Prompt, sample: int, response: Response) -> Rollout:
    completion = response.completion
    return Rollout(
        run=run,
        iteration=unit.iteration,
        purpose=unit.purpose.value,
        split=unit.split,
        problem_id=prompt.problem.problem_id,
        shard=unit.shard,
        turn=unit.turn,
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

"""Stage `pick_improved`: which responses of an iteration become training targets."""

from __future__ import annotations

from collections import Counter

from prefect import get_run_logger

from rise_core.errors import UserError
from rise_core.improve import pick_all
from rise_core.records import Purpose
from storage import examples, rollouts
from tasks.job import Job
from tasks.stage import stage


@stage("pick {job.run} {iteration}")
def pick_improved(job: Job, iteration: int) -> list[tuple[str, int, int]]:
    """The keys (problem id, turn, sample) of the selected responses; none where the examples are written already."""
    if examples.has_examples(job.lake, job.run, iteration):
        return []
    collected, turns, picked = 0, Counter[int](), []
    for shard in rollouts.read_by_shard(job.lake, job.run, iteration, Purpose.COLLECT.value):
        collected += len(shard)
        chosen = pick_all(shard, job.config.select, job.config.seed)
        turns.update(rollout.turn for rollout in chosen)
        picked += [(rollout.problem_id, rollout.turn, rollout.sample) for rollout in chosen]
    if not picked:
        raise UserError(
            f"iteration {iteration}: none of {collected} responses passes select.criterion="
            f'{job.config.select.criterion.value}; look at them with: rise query "FROM turn_accuracy"'
        )
    by_turn = ", ".join(f"turn {turn}: {count:,}" for turn, count in sorted(turns.items()))
    get_run_logger().info("iteration %d: %s examples (%s)", iteration, f"{len(picked):,}", by_turn)
    return picked

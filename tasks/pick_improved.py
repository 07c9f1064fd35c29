"""Stage `pick_improved`: which responses of an iteration become training targets."""

from __future__ import annotations

from collections import Counter

from prefect import get_run_logger

from rise_core.errors import UserError
from rise_core.improve import pick_all
from rise_core.records import Purpose, Rollout
from storage import examples, rollouts
from tasks.job import Job
from tasks.stage import stage


@stage("pick {job.run} {iteration}")
def pick_improved(job: Job, iteration: int) -> list[tuple[str, int, int]]:
    """The keys (problem id, turn, sample) of the selected responses; none where the examples are written already."""
    if examples.has_examples(job.lake, job.run, iteration):
        return []
    collected = rollouts.read_rollouts(job.lake, job.run, iteration, Purpose.COLLECT.value)
    picked = pick_all(collected, job.config.select, job.config.seed)
    if not picked:
        raise UserError(
            f"iteration {iteration}: none of {len(collected)} responses passes select.criterion="
            f'{job.config.select.criterion.value}; look at them with: rise query "FROM turn_accuracy"'
        )
    get_run_logger().info("iteration %d: %s", iteration, by_turn(picked))
    return [(rollout.problem_id, rollout.turn, rollout.sample) for rollout in picked]


def by_turn(picked: list[Rollout]) -> str:
    counts = Counter(rollout.turn for rollout in picked)
    return f"{len(picked):,} examples (" + ", ".join(f"turn {t}: {n:,}" for t, n in sorted(counts.items())) + ")"

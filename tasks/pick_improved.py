"""Stage `pick_improved`: which responses of an iteration become training targets."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from prefect import get_run_logger

from rise.core.errors import UserError
from rise.core.method.selection import select_all
from rise.storage import examples, rollouts
from rise.tasks.run.context import RunContext
from rise.tasks.run.stage import stage


@stage("pick {context.run} {iteration}")
def pick_improved(context: RunContext, iteration: int) -> pa.Table:
    """Return the keys of the selected responses (problem, turn, sample); none where the examples are written."""
    if examples.has(context.lake, context.run, iteration):
        return rollouts.target_keys([])
    collected, turns, picked = 0, Counter[int](), []
    for shard in rollouts.read_candidates(context.lake, context.run, iteration):
        collected += len(shard)
        chosen = select_all(shard, context.config.select, context.config.seed)
        turns.update(candidate.turn for candidate in chosen)
        picked.append(rollouts.target_keys(chosen))
    if not turns.total():
        raise UserError(
            f"iteration {iteration}: none of {collected} responses passes select.criterion="
            f'{context.config.select.criterion.value}; look at them with: rise query "FROM turn_accuracy"'
        )
    by_turn = ", ".join(f"turn {turn}: {count:,}" for turn, count in sorted(turns.items()))
    get_run_logger().info("iteration %d: %s examples (%s)", iteration, f"{turns.total():,}", by_turn)
    return pa.concat_tables(picked)

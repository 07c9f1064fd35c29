"""Stage `pick_improved`: select the responses of an iteration that become training targets (paper, section 4.1)."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from prefect import get_run_logger

from rise_core.errors import UserError
from rise_core.method.selection import select_all
from storage import examples, rollouts
from tasks.run.context import RunContext
from tasks.run.stage import stage


@stage("pick {context.name} {iteration}")
def pick_improved(context: RunContext, iteration: int) -> pa.Table:
    """Select by `select.criterion`, shard by shard.

    Returns:
        The keys of the selected responses (problem, turn, sample); empty where the examples are in the lake.

    Raises:
        UserError: No response passes the criterion.
    """
    if examples.has(context.lake, context.name, iteration):
        return rollouts.target_keys([])
    select, seed = context.config.select, context.config.seed
    collected, by_turn, tables = 0, Counter[int](), []
    for shard in rollouts.read_candidates(context.lake, context.name, iteration):
        selected = select_all(shard, select, seed)
        collected += len(shard)
        by_turn.update(candidate.turn for candidate in selected)
        tables.append(rollouts.target_keys(selected))  # columns: a million tuples would take hundreds of MB
    if not by_turn.total():
        raise UserError(
            f"iteration {iteration}: none of {collected} responses passes select.criterion={select.criterion.value}; "
            'look at them with: rise query "FROM turn_accuracy"'
        )
    turns = ", ".join(f"turn {turn}: {count:,}" for turn, count in sorted(by_turn.items()))
    get_run_logger().info("iteration %d: %s examples (%s)", iteration, f"{by_turn.total():,}", turns)
    return pa.concat_tables(tables)

"""Open work of a run, in order: iterations without metrics, and units (a turn of a shard) without rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rise_core.method.episode import TurnPlan, WorkUnit
from rise_core.records import Purpose
from storage import examples, rollouts, runs
from tasks.run.context import RunContext


def open_iterations(context: RunContext) -> range:
    """The iterations without metrics, up to the goal; 0 is the base model."""
    done = runs.iterations_done(context.lake, context.name)
    return range(0 if done is None else done + 1, context.goal + 1)


def open_units(context: RunContext, iteration: int, plans: Sequence[TurnPlan]) -> list[WorkUnit]:
    """List the units of turn plans without rows in the lake, in starting order.

    Turn t of a shard is scheduled `shards_in_flight + 1` shards after turn t - 1: the grades are ready by then. Pure
    turn order would idle the engines: first turns have a single sample and end before later prompts are rendered.
    """
    done = rollouts.units(context.lake, context.name, iteration)
    # A shard without open states at its last turns has no rows there; the examples tell that collection is complete.
    collected = examples.has(context.lake, context.name, iteration)
    units = [
        WorkUnit(iteration, plan.purpose, plan.split, shard, turn)
        for plan in plans
        if not (collected and plan.purpose is Purpose.COLLECT)
        for turn in range(1, len(plan.samples) + 1)
        for shard in range(len(context.workload.shards(iteration, plan.purpose)))
    ]
    open_ones = [unit for unit in units if (unit.purpose.value, unit.split, unit.shard, unit.turn) not in done]
    for unit in set(units) - set(open_ones):
        staged_path(context.folder, unit).unlink(missing_ok=True)  # left by a crash between commit and removal
    lag = shards_in_flight(context) + 1
    return sorted(open_ones, key=lambda unit: (unit.shard + lag * (unit.turn - 1), -unit.turn))


def shards_in_flight(context: RunContext) -> int:
    """How many units are sampled at a time, over all engines."""
    return context.config.engine.replicas * context.config.engine.in_flight


def staged_path(folder: Path, unit: WorkUnit) -> Path:
    """The file in which a unit's responses wait for their grades, under the run's folder."""
    return folder / "staging" / f"{unit}.parquet"

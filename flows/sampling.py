"""Sampling and grading for both flows: every open unit (a turn of a shard), several in flight at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect.futures import PrefectFuture, as_completed, wait

from rise_core.method.episode import TurnPlan, WorkUnit, collection_plan, evaluation_plans
from rise_core.records import Purpose
from tasks.run.context import RunContext
from tasks.run.work import open_units, shards_in_flight
from tasks.sample_turns import sample_turns
from tasks.verify_answers import verify_answers

_Graded = PrefectFuture[None]
_Sampled = PrefectFuture[Path | None]


def collect(context: RunContext, iteration: int) -> None:
    """Sample and grade an iteration's training turns, with the checkpoint of the iteration before."""
    sample(context, iteration, [collection_plan(context.config)], checkpoint=iteration - 1)


def answer_held_out(context: RunContext, iteration: int) -> None:
    """Sample and grade the held-out turns and parallel responses of an iteration's checkpoint."""
    sample(context, iteration, evaluation_plans(context.config, context.split), checkpoint=iteration)


def sample(context: RunContext, iteration: int, plans: Sequence[TurnPlan], checkpoint: int) -> None:
    """Sample, grade and commit every open unit of some turn plans.

    A few units are in flight on each engine: no engine waits for another shard's slowest response, nor for grading.

    Args:
        checkpoint: The iteration whose checkpoint the learner answers with.
    """
    units = open_units(context, iteration, plans)
    if not units:
        return
    kinds = {context.workload.plans[unit.purpose].policies[unit.turn - 1] for unit in units}
    context.answering.start(kinds, context.checkpoint(checkpoint))
    stage = "collect" if units[0].purpose is Purpose.COLLECT else "evaluation"
    context.progress.begin(stage, f"Iteration {iteration}, {stage}: turns of shards sampled and graded", len(units))
    _run(context, units)


def _run(context: RunContext, units: Sequence[WorkUnit]) -> None:
    """Submit the units in order; a shard's turn starts when its earlier turn is graded."""
    newest: dict[tuple[str, int], _Graded] = {}  # by purpose and shard
    running: dict[_Graded, _Sampled] = {}
    limit = shards_in_flight(context)
    try:
        for unit in units:
            if len(running) > limit:  # one more than is sampled: its grading overlaps their sampling
                _finish_one(running)
            shard = (unit.purpose.value, unit.shard)
            earlier = [newest[shard]] if shard in newest else []
            sampled = sample_turns.submit(context, unit, wait_for=earlier, return_state=False)
            newest[shard] = verify_answers.submit(context, unit, sampled, return_state=False)
            running[newest[shard]] = sampled
        while running:
            _finish_one(running)
    except BaseException:
        context.close()  # ends what is in flight, before the lake is closed under it
        wait(list(running))
        raise


def _finish_one(running: dict[_Graded, _Sampled]) -> None:
    """Wait for a unit. A failed sampling is raised first: the failure of grading only follows from it."""
    graded = next(as_completed(list(running)))
    running.pop(graded).result()
    graded.result()

"""Flow `rise`: advance a named run by RISE iterations (arXiv 2407.18219). The whole iteration stands in `rise` below.

rise run demo                                    # on this machine
prefect deployment run rise/iterate -p run=demo  # on a worker
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.futures import PrefectFuture, as_completed, wait

from rise.core.method.episode import TurnPlan, collection_plan, evaluation_plans
from rise.core.records import Purpose
from rise.flows.form import Iterations, Overrides, ProfileName, RunName
from rise.tasks.evaluate import evaluate
from rise.tasks.fine_tune import fine_tune, warm_up_trainer
from rise.tasks.pick_improved import pick_improved
from rise.tasks.prepare import prepare
from rise.tasks.report.artifacts import report
from rise.tasks.run.context import RunContext
from rise.tasks.run.opening import open_run
from rise.tasks.sample_turns import sample_turns
from rise.tasks.tidy import tidy
from rise.tasks.verify_answers import verify_answers
from rise.tasks.write_parquet import write_parquet


@flow(name="rise", flow_run_name="{run}", description="Advance a named run by RISE iterations.", persist_result=False)
def rise(
    run: RunName, profile: ProfileName = "demo", overrides: Overrides = None, iterations: Iterations = None
) -> None:
    """Advance `run` by `iterations` (none given: up to the profile's own number); what an earlier flow run left
    unfinished is finished first. Every stage skips what the lake already holds."""
    with open_run(run, profile, overrides or [], iterations) as context:
        prepare(context)
        for iteration in context.open_iterations():
            if iteration > 0:  # iteration 0 is the base model: evaluated, not trained
                sample(context, iteration, [collection_plan(context.config)], policy=iteration - 1)
                warm_up_trainer(context, iteration)
                tidy(context, iteration)  # before rows are marked: every file with a marked row is written again
                picked = pick_improved(context, iteration)
                write_parquet(context, iteration, picked)
                fine_tune(context, iteration)
            sample(context, iteration, evaluation_plans(context.config, context.split), policy=iteration)
            evaluate(context, iteration)
            report(context, iteration)
            tidy(context, iteration)


def sample(context: RunContext, iteration: int, plans: list[TurnPlan], policy: int) -> None:
    """Sample, grade and commit every open (shard, turn) of the plans with checkpoint `policy`.

    A few shards are in flight on each engine, so that none waits for another shard's slowest response or for grading.
    """
    keys = context.open_keys(iteration, plans)
    if not keys:
        return
    context.use_policies(keys, policy)
    what = "collect" if keys[0].purpose is Purpose.COLLECT else "evaluation"
    context.progress.begin(what, f"Iteration {iteration}, {what}: turns of shards sampled and graded", len(keys))
    latest: dict[tuple[str, int], PrefectFuture[None]] = {}
    running: dict[PrefectFuture[None], PrefectFuture[Path | None]] = {}
    try:
        for key in keys:
            if len(running) > context.at_once:  # one more than sample at once: its grading overlaps their sampling
                finish(next(as_completed(list(running))), running)
            shard = (key.purpose.value, key.shard)
            earlier = [latest[shard]] if shard in latest else []
            sampled = sample_turns.submit(context, key, wait_for=earlier, return_state=False)
            latest[shard] = verify_answers.submit(context, key, sampled, return_state=False)
            running[latest[shard]] = sampled
        while running:
            finish(next(as_completed(list(running))), running)
    except BaseException:
        context.close()  # what is in flight ends now, before the lake is closed under it
        wait(list(running))
        raise


def finish(graded: PrefectFuture[None], running: dict[PrefectFuture[None], PrefectFuture[Path | None]]) -> None:
    """Take one (shard, turn) off the list; raise what failed, sampling first, since grading only waits for it."""
    running.pop(graded).result()
    graded.result()

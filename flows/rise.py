"""Flow `rise`: advance a named run by RISE iterations (arXiv 2407.18219). The whole iteration stands in `rise` below.

rise run demo                                    # on this machine
prefect deployment run rise/iterate -p run=demo  # on a worker
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.futures import PrefectFuture, as_completed, wait

from flows.form import Iterations, Overrides, ProfileName, RunName
from rise_core.episode import Plan, collection, evaluations
from rise_core.records import Purpose
from tasks.advance import open_job
from tasks.evaluate import evaluate
from tasks.fine_tune import fine_tune, warm_up_trainer
from tasks.job import Job
from tasks.pick_improved import pick_improved
from tasks.prepare import prepare
from tasks.report import report
from tasks.sample_turns import sample_turns
from tasks.tidy import tidy
from tasks.verify_answers import verify_answers
from tasks.write_parquet import write_parquet


@flow(name="rise", flow_run_name="{run}", description="Advance a named run by RISE iterations.", persist_result=False)
def rise(
    run: RunName, profile: ProfileName = "demo", overrides: Overrides = None, iterations: Iterations = None
) -> None:
    """Advance `run` by `iterations` (none given: up to the profile's own number); what an earlier flow run left
    unfinished is finished first. Every stage skips what the lake already holds."""
    with open_job(run, profile, overrides or [], iterations) as job:
        prepare(job)
        for iteration in job.open_iterations():
            if iteration > 0:  # iteration 0 is the base model: evaluated, not trained
                sample(job, iteration, [collection(job.config)], policy=iteration - 1)
                warm_up_trainer(job, iteration)
                tidy(job, iteration)  # before rows are marked: every file with a marked row is written again
                picked = pick_improved(job, iteration)
                write_parquet(job, iteration, picked)
                fine_tune(job, iteration)
            sample(job, iteration, evaluations(job.config, job.split), policy=iteration)
            evaluate(job, iteration)
            report(job, iteration)
            tidy(job, iteration)


def sample(job: Job, iteration: int, plans: list[Plan], policy: int) -> None:
    """Sample, grade and commit every open (shard, turn) of the plans with checkpoint `policy`.

    A few shards are in flight on each engine, so that none waits for another shard's slowest response or for grading.
    """
    keys = job.open_keys(iteration, plans)
    if not keys:
        return
    job.use_policies(keys, policy)
    what = "collect" if keys[0].purpose is Purpose.COLLECT else "evaluation"
    job.progress.begin(what, f"Iteration {iteration}, {what}: turns of shards sampled and graded", len(keys))
    latest: dict[tuple[str, int], PrefectFuture[None]] = {}
    running: dict[PrefectFuture[None], PrefectFuture[Path | None]] = {}
    try:
        for key in keys:
            if len(running) > job.at_once:  # one more than sample at once: its grading overlaps their sampling
                finish(next(as_completed(list(running))), running)
            shard = (key.purpose.value, key.shard)
            earlier = [latest[shard]] if shard in latest else []
            sampled = sample_turns.submit(job, key, wait_for=earlier, return_state=False)
            latest[shard] = verify_answers.submit(job, key, sampled, return_state=False)
            running[latest[shard]] = sampled
        while running:
            finish(next(as_completed(list(running))), running)
    except BaseException:
        job.close()  # what is in flight ends now, before the lake is closed under it
        wait(list(running))
        raise


def finish(graded: PrefectFuture[None], running: dict[PrefectFuture[None], PrefectFuture[Path | None]]) -> None:
    """Take one (shard, turn) off the list; raise what failed, sampling first, since grading only waits for it."""
    running.pop(graded).result()
    graded.result()

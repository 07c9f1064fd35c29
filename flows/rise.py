"""Flow `rise`: advance a named run by RISE iterations (arXiv 2407.18219). The whole iteration stands in `rise` below.

rise run demo                                    # on this machine
prefect deployment run rise/iterate -p run=demo  # on a worker
"""

from __future__ import annotations

from prefect import flow
from prefect.futures import PrefectFuture, as_completed

from rise_core.episode import Plan, collection, evaluations
from tasks.evaluate import evaluate
from tasks.fine_tune import fine_tune
from tasks.job import Job, open_job
from tasks.pick_improved import pick_improved
from tasks.prepare import prepare
from tasks.report import report
from tasks.sample_turns import sample_turns
from tasks.verify_answers import verify_answers
from tasks.write_parquet import write_parquet


@flow(name="rise", flow_run_name="{run}", description="Advance a named run by RISE iterations.")
def rise(run: str, profile: str = "demo", overrides: list[str] | None = None, iterations: int | None = None) -> None:
    """Advance `run` by `iterations` (none given: up to the profile's own number); what an earlier flow run left
    unfinished is finished first. Every stage skips what the lake already holds."""
    with open_job(run, profile, overrides or [], iterations) as job:
        for iteration in job.open_iterations():
            prepare(job)
            if iteration > 0:  # iteration 0 is the base model: evaluated, not trained
                sample(job, iteration, [collection(job.config)], policy=iteration - 1)
                picked = pick_improved(job, iteration)
                write_parquet(job, iteration, picked)
                fine_tune(job, iteration)
            sample(job, iteration, evaluations(job.config), policy=iteration)
            evaluate(job, iteration)
            report(job, iteration)


def sample(job: Job, iteration: int, plans: list[Plan], policy: int) -> None:
    """Sample, grade and commit every open (shard, turn) of the plans with checkpoint `policy`.

    A few shards are in flight on each engine, so that none waits for another shard's slowest response or for grading.
    """
    keys = job.open_keys(iteration, plans)
    if not keys:
        return
    job.use_policy(policy)
    job.progress.begin(len(keys))
    at_once = job.config.engine.replicas * job.config.engine.in_flight
    graded: dict[tuple[str, int], PrefectFuture[None]] = {}
    running: list[PrefectFuture[None]] = []
    for key in keys:
        if len(running) > at_once:  # one more than sample at once: its grading overlaps their sampling
            finished = next(as_completed(running))
            finished.result()
            running.remove(finished)
        shard = (key.purpose.value, key.shard)
        sampled = sample_turns.submit(job, key, wait_for=[graded[shard]] if shard in graded else [], return_state=False)
        graded[shard] = verify_answers.submit(job, key, sampled, return_state=False)
        running.append(graded[shard])
    for future in running:
        future.result()

"""Flow `rise-eval`: evaluate a checkpoint of a run under other settings; the result is a split of its own in the lake.

rise eval demo eval.turns=10
"""

from __future__ import annotations

from prefect import flow

from flows.rise import sample
from rise_core.episode import evaluations
from storage.metrics import read_metrics
from tasks.evaluate import evaluate
from tasks.evaluation import open_evaluation
from tasks.prepare_split import prepare_split


@flow(
    name="rise-eval",
    flow_run_name="{run}",
    description="Evaluate a checkpoint of a run under other settings.",
    persist_result=False,
)
def rise_eval(
    run: str, overrides: list[str] | None = None, iteration: int | None = None, split: str | None = None
) -> None:
    """Evaluate `run`'s checkpoint of `iteration` (none given: the newest evaluated) with `key=value` overrides, stored
    under `split` (none given: named after the overrides). What an earlier flow run left unfinished is finished."""
    with open_evaluation(run, overrides or [], iteration, split) as job:
        if any(done == job.goal for done, _ in read_metrics(job.lake, job.run, job.split)):
            return
        prepare_split(job)
        sample(job, job.goal, evaluations(job.config, job.split), policy=job.goal)
        evaluate(job, job.goal)

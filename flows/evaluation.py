"""Flow `rise-eval`: evaluate a checkpoint of a run under other settings; the result is a split of its own in the lake.

rise eval demo eval.turns=10
"""

from __future__ import annotations

from prefect import flow

from rise.core.method.episode import evaluation_plans
from rise.flows.iterate import sample
from rise.storage import metric_rows
from rise.tasks.evaluate import evaluate
from rise.tasks.prepare_split import prepare_split
from rise.tasks.run.evaluation_inputs import open_evaluation


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
    with open_evaluation(run, overrides or [], iteration, split) as context:
        if any(done == context.goal for done, _ in metric_rows.read(context.lake, context.run, context.split)):
            return
        prepare_split(context)
        sample(context, context.goal, evaluation_plans(context.config, context.split), policy=context.goal)
        evaluate(context, context.goal)

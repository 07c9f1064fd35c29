"""Flow `rise-eval`: evaluate a checkpoint of a run under other settings, stored as a split of its own.

rise eval demo eval.turns=10
"""

from __future__ import annotations

from prefect import flow

from flows.sampling import answer_held_out
from tasks.evaluate import evaluate
from tasks.prepare_split import prepare_split
from tasks.run.opening import open_evaluation


@flow(
    name="rise-eval",
    flow_run_name="{run}",
    description="Evaluate a checkpoint of a run under other settings.",
    persist_result=False,
)
def rise_eval(
    run: str, overrides: list[str] | None = None, iteration: int | None = None, split: str | None = None
) -> None:
    """Evaluate a checkpoint of `run` with `key=value` overrides; an interrupted evaluation goes on.

    Args:
        iteration: The checkpoint; None takes the newest evaluated one.
        split: Name of the result; None names it after the overrides.
    """
    with open_evaluation(run, overrides or [], iteration, split) as context:
        if context is None:  # the result is in the lake
            return
        prepare_split(context)
        answer_held_out(context, context.goal)
        evaluate(context, context.goal)

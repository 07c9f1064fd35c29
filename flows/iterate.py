"""Flow `rise`: advance a named run by RISE iterations (Recursive Introspection, arXiv 2407.18219).

    rise run demo                                    # on this machine
    prefect deployment run rise/iterate -p run=demo  # on a worker

Iteration k, with the tables of the lake between the stages:

    checkpoint k-1 ─► collect ──────────► rollouts        sample turns, verify answers; shard by shard
                      pick_improved ────► (selection)     best-of-N, per turn and problem
                      write_parquet ────► examples        states, responses, weights; rollouts marked
                      fine_tune ────────► checkpoints     reward-weighted regression: checkpoint k
                      answer_held_out ──► rollouts        turns and parallel samples of checkpoint k
                      evaluate ─────────► metrics         m1@t1 … p1@t5, with intervals
                      report                              the page, and artifacts in Prefect's UI

Every stage reads the lake, computes, and commits one version. A stage with output in the lake is skipped: an
interrupted flow run goes on at the same place.
"""

from __future__ import annotations

from prefect import flow

from flows.form import Iterations, Overrides, ProfileName, RunName
from flows.sampling import answer_held_out, collect
from tasks.evaluate import evaluate
from tasks.fine_tune import fine_tune
from tasks.pick_improved import pick_improved
from tasks.prepare import prepare
from tasks.report.artifacts import report
from tasks.run.opening import open_run
from tasks.run.work import open_iterations
from tasks.tidy import tidy
from tasks.write_parquet import write_parquet


@flow(name="rise", flow_run_name="{run}", description="Advance a named run by RISE iterations.", persist_result=False)
def rise(
    run: RunName, profile: ProfileName = "demo", overrides: Overrides = None, iterations: Iterations = None
) -> None:
    """Advance `run` by `iterations`, after finishing any interrupted iteration.

    Args:
        iterations: None advances to the profile's own number of iterations.
    """
    with open_run(run, profile, overrides or [], iterations) as context:
        prepare(context)
        for iteration in open_iterations(context):
            if iteration > 0:  # iteration 0 is the base model: evaluated, not trained
                collect(context, iteration)
                tidy(context, iteration)  # merged files are marked faster than one file for each unit
                picked = pick_improved(context, iteration)
                write_parquet(context, iteration, picked)
                fine_tune(context, iteration)
            answer_held_out(context, iteration)
            evaluate(context, iteration)
            report(context, iteration)
            tidy(context, iteration)

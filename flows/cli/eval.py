"""`rise eval`: a checkpoint of a run under other settings."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flows.cli.messages import one_line_errors, quiet_flow_logs
from flows.cli.options import HomeOption, IterationOption, OverridesArgument, RunArgument
from flows.cli.report import print_metrics
from flows.local.environment import use_home
from flows.local.prefect_server import PrefectServer


def evaluate(
    run: RunArgument,
    overrides: OverridesArgument = None,
    iteration: IterationOption = None,
    split: Annotated[
        str | None, typer.Option(help="Name of the result in the lake (default: what differs, such as turns-10).")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Evaluate a checkpoint under other settings: eval.turns=10, eval.samples=20, problems.name=… (another family).

    Rollouts, problems and metrics are stored under a split of their own. The same command goes on where an interrupted
    one stopped. Without any setting it prints what the flow's own evaluations found.
    """
    use_home(home)
    if not overrides and split is None and iteration is None:
        with one_line_errors():  # with the run's own settings, the flow has evaluated already
            print_metrics(run)
        return
    with one_line_errors():
        server = PrefectServer.reserve()  # before the import below brings Prefect
        from storage.home import Home
        from tasks.run.evaluation_inputs import check_evaluation
        from tasks.run.failures import explain_failures

        # Every mistake that can be known by now is reported before services start.
        evaluation = check_evaluation(run, overrides or [], iteration, split)
        chosen, split = evaluation.iteration, evaluation.inputs.split
        if evaluation.done:
            print(f"iteration {chosen} is evaluated on split {split} already", file=sys.stderr)
        else:
            quiet_flow_logs()
            # Prefect's own server may fail outside of the flow, as on a full disk.
            with server.running(), explain_failures(Home.from_env()):
                from flows.evaluation import rise_eval

                rise_eval(run, overrides or [], chosen, split)
        print_metrics(run, split)

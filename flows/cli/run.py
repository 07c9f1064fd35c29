"""`rise run` and `rise config`: start the flow, or print its config."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rise.core.config.load import load_config, to_yaml
from rise.core.config.profiles import default_run_name
from rise.flows.cli.messages import one_line_errors, quiet_flow_logs
from rise.flows.cli.options import HomeOption, OverridesArgument, ProfileArgument
from rise.flows.cli.report import print_metrics
from rise.flows.local import services
from rise.flows.local.environment import use_home


def run(
    profile: ProfileArgument,
    overrides: OverridesArgument = None,
    name: Annotated[
        str | None, typer.Option("--run", help="Name of the run (default: the profile's name; demo-rft for demo+rft).")
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(min=0, help="Iterations to advance by (default: up to the profile's own number)."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Advance a run through RISE iterations. The same command goes on where an interrupted one stopped."""
    use_home(home)
    with one_line_errors():
        run_id = default_run_name(profile) if name is None else name
        from rise.tasks.run.inputs import check_early

        # Every mistake that can be known by now is reported before services start.
        inputs = check_early(run_id, profile, overrides or [])
        complete = inputs.complete(iterations)
        if complete is not None:
            print(f"complete at iteration {complete}; --iterations N goes on", file=sys.stderr)
        else:
            quiet_flow_logs()
            with services.started(inputs.config, run_id):
                from rise.flows.iterate import rise  # Prefect reads the environment at import

                rise(run_id, profile, overrides or [], iterations)
        print_metrics(run_id)


def config(profile: ProfileArgument, overrides: OverridesArgument = None) -> None:
    """Print the config that would run, as YAML."""
    with one_line_errors():
        print(to_yaml(load_config(profile, overrides or [])), end="")

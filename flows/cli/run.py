"""`rise run` and `rise config`: start the flow, or print its config."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flows.cli.messages import one_line_errors, quiet_flow_logs
from flows.cli.options import HomeOption, OverridesArgument, ProfileArgument
from flows.cli.report import print_metrics
from flows.local.environment import use_home
from flows.local.prefect_server import PrefectServer
from rise_core.config.load import load_config, to_yaml
from rise_core.config.profiles import default_run_name


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
        named = default_run_name(profile) if name is None else name
        server = PrefectServer.reserve()  # before the imports below bring Prefect
        from storage.home import Home
        from tasks.run.failures import explain_failures
        from tasks.run.inputs import check_inputs, complete_at

        inputs = check_inputs(named, profile, overrides or [])
        with Home.from_env().lock(named):  # refuses a run that another process advances, before anything starts
            complete = complete_at(inputs, iterations)
        if complete is not None:
            print(f"complete at iteration {complete}; --iterations N goes on", file=sys.stderr)
        else:
            quiet_flow_logs()
            # Prefect's own server may fail outside of the flow, as on a full disk.
            with server.running(), explain_failures(Home.from_env()):
                from flows.iterate import rise

                rise(named, profile, overrides or [], iterations)
        print_metrics(named)


def config(profile: ProfileArgument, overrides: OverridesArgument = None) -> None:
    """Print the config that would run, as YAML."""
    with one_line_errors():
        print(to_yaml(load_config(profile, overrides or [])), end="")

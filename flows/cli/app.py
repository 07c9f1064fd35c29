"""Command `rise`: start flows and read the lake. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import typer

from flows.cli.compare import compare
from flows.cli.eval import evaluate
from flows.cli.export import export
from flows.cli.lake import attach, query, runs
from flows.cli.report import report
from flows.cli.run import config, run
from flows.cli.solve import solve

app = typer.Typer(
    help="RISE: fine-tune a language model to improve its own answer over several turns.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (run, query, attach, runs, report, config, solve, export, compare):
    app.command()(command)
app.command("eval")(evaluate)

if __name__ == "__main__":
    app()

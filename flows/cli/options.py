"""Arguments and options of several commands."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rise_core.config.profiles import baselines, profiles

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of everything that is written (RISE_HOME; default ./rise-home).")
]
ProfileArgument = Annotated[
    str,
    typer.Argument(
        help=f"A profile ({', '.join(profiles())}) or a path to a .yaml file; with +NAME, a baseline of it "
        f"({', '.join(baselines())}), for example demo+rft."
    ),
]
OverridesArgument = Annotated[list[str] | None, typer.Argument(help="key=value …, for example collect.problems=100")]
RunArgument = Annotated[str, typer.Argument(help="Name of the run; `rise runs` lists them.")]
IterationOption = Annotated[
    int | None, typer.Option("--iteration", min=0, help="Iteration whose checkpoint is used (default: the newest).")
]


class Format(StrEnum):
    """Formats of a table on standard output."""

    table = "table"
    csv = "csv"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print the rows.")]

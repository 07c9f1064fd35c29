"""Problems from files: `problems.train` and `problems.eval` each name a JSON lines or Parquet file."""

from __future__ import annotations

import os
from pathlib import Path

from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.problems.row_reader import read_rows
from rise_core.problems.table import Table


def open_file(config: Config, split: str) -> Table:
    """Open the file of a split ("train" or "eval").

    Raises:
        UserError: The config names no file. Reading the rows raises for a missing or damaged file.
    """
    name = getattr(config.problems, split)
    if not name:
        purpose = "training" if split == "train" else "held-out"
        raise UserError(f"config: problems.{split} is not set; name a JSON lines or Parquet file of {purpose} problems")
    path = Path(os.path.expanduser(name))
    return Table(str(path), path.stem, read_rows(path, f"problems.{split}"))

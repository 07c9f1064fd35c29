"""Problems from files: the first rows of the training file and of the held-out file."""

from __future__ import annotations

import os
from pathlib import Path

from rise.core.config.keys import Config
from rise.core.errors import UserError
from rise.core.problems.file_rows import read_rows
from rise.core.problems.problem_set import ProblemSet
from rise.core.problems.table import Table, read_tables


def read_problem_files(config: Config) -> ProblemSet:
    """Read `problems.train` and `problems.eval`. Raises UserError naming the key, or file and row, that is wrong."""
    return read_tables(config, {split: file_table(config, split) for split in ("train", "eval")})


def file_table(config: Config, split: str) -> Table:
    name = getattr(config.problems, split)
    if not name:
        what = "training" if split == "train" else "held-out"
        raise UserError(f"config: problems.{split} is not set; name a JSON lines or Parquet file of {what} problems")
    path = Path(os.path.expanduser(name))
    return Table(str(path), path.stem, read_rows(path, f"problems.{split}"))

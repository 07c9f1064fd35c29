"""Table `problems`: the problems of each run and split, in order."""

from __future__ import annotations

import json

import pyarrow as pa

from rise_core.errors import KeyExists
from rise_core.records import EVAL_SPLIT, Problem
from storage import arrow
from storage.lake import Lake
from storage.schema import PROBLEMS
from storage.transaction import Transaction


def append(lake: Lake, run: str, problems: list[Problem]) -> int:
    """Commit a run's problems in their order.

    Returns:
        The snapshot's version.

    Raises:
        KeyExists: The run has problems.
    """

    def write(tx: Transaction) -> None:
        if tx.execute("SELECT 1 FROM lake.main.problems WHERE run = ? LIMIT 1", (run,)):
            raise KeyExists(f"problems of run {run}")
        tx.append("problems", to_arrow(run, problems))

    return lake.commit(write, run=run, iteration=0, stage="prepare", note=f"problems={len(problems)}")


def read(lake: Lake, run: str, split: str) -> list[Problem]:
    """Read a run's problems of a split, in order."""

    def build(problem_id: str, problem: str, answer: str, solution: str | None, metadata: str) -> Problem:
        return Problem(problem_id, split, problem, answer, solution, json.loads(metadata))

    names = ("problem_id", "problem", "answer", "solution", "metadata")
    # `position` is the order of the source; shards follow it.
    rows = lake.query("SELECT * FROM problems WHERE run = ? AND split = ? ORDER BY position", [run, split])
    return arrow.from_arrow(build, names, rows)


def find(lake: Lake, run: str, text: str) -> Problem | None:
    """Read the run's problem with exactly the given text, a held-out problem first.

    Returns:
        None if no problem has the text.
    """
    rows = lake.query(
        "SELECT split, problem_id FROM problems WHERE run = ? AND problem = ?"
        " ORDER BY split <> ?, split, position LIMIT 1",
        [run, text, EVAL_SPLIT],
    ).to_pylist()
    if not rows:
        return None
    split, problem_id = rows[0]["split"], rows[0]["problem_id"]
    return next(problem for problem in read(lake, run, split) if problem.problem_id == problem_id)


def to_arrow(run: str, problems: list[Problem]) -> pa.Table:
    """Convert problems to rows of the table; `position` is their index."""
    return arrow.to_arrow(PROBLEMS, problems, run=run, position=range(len(problems)))

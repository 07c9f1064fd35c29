"""Table `problems`: the problems of each run and split, in order."""

from __future__ import annotations

import json

import pyarrow as pa

from rise.core.errors import KeyExists
from rise.core.records import EVAL_SPLIT, Problem
from rise.storage.arrow import records_of
from rise.storage.lake import Lake, Transaction


def append(lake: Lake, run: str, problems: list[Problem]) -> int:
    """Commit a run's problems in their order; returns the version. Raises KeyExists when the run has some already."""

    def write(tx: Transaction) -> None:
        if tx.execute("SELECT 1 FROM lake.main.problems WHERE run = ? LIMIT 1", (run,)):
            raise KeyExists(f"problems of run {run}")
        tx.append("problems", to_arrow(run, problems))

    return lake.commit(write, run=run, iteration=0, stage="prepare", note=f"problems={len(problems)}")


def to_arrow(run: str, problems: list[Problem]) -> pa.Table:
    """Problems as rows of table `problems`."""
    return pa.table(
        {
            "run": pa.repeat(run, len(problems)),
            "split": pa.array([p.split for p in problems], pa.string()),
            "position": pa.array(range(len(problems)), pa.int32()),
            "problem_id": pa.array([p.problem_id for p in problems], pa.string()),
            "problem": pa.array([p.problem for p in problems], pa.string()),
            "answer": pa.array([p.answer for p in problems], pa.string()),
            "solution": pa.array([p.solution for p in problems], pa.string()),
            "metadata": pa.array([json.dumps(p.metadata) for p in problems], pa.string()),
        }
    )


def read(lake: Lake, run: str, split: str) -> list[Problem]:
    """A run's problems of one split, in stored order."""

    def build(problem_id: str, problem: str, answer: str, solution: str | None, metadata: str) -> Problem:
        return Problem(problem_id, split, problem, answer, solution, json.loads(metadata))

    names = ("problem_id", "problem", "answer", "solution", "metadata")
    found = lake.query("SELECT * FROM problems WHERE run = ? AND split = ? ORDER BY position", [run, split])
    return records_of(build, names, found)


def find(lake: Lake, run: str, text: str) -> Problem | None:
    """The run's own problem of exactly that text, None if it has none; a held-out one first."""
    rows = lake.query(
        "SELECT split, problem_id FROM problems WHERE run = ? AND problem = ?"
        " ORDER BY split <> ?, split, position LIMIT 1",
        [run, text, EVAL_SPLIT],
    ).to_pylist()
    if not rows:
        return None
    split, problem_id = rows[0]["split"], rows[0]["problem_id"]
    return next(problem for problem in read(lake, run, split) if problem.problem_id == problem_id)

"""Tables `runs` and `problems`: what a run is, and what it works on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from rise.core.errors import UserError
from rise.core.records import EVAL_SPLIT, Problem
from rise.storage.arrow import records_of
from rise.storage.lake import KeyExists, Lake, Transaction


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A row of table `runs`; `config` is YAML, `goal` the iteration to reach.

    `iterations_done` is the newest iteration with metrics of split `eval`, None before the base was evaluated.
    """

    run: str
    profile: str
    config: str
    versions: dict[str, str]
    goal: int
    created_at: datetime
    iterations_done: int | None = None


def create_run(lake: Lake, run: str, profile: str, config_yaml: str, versions: dict[str, str], goal: int = 0) -> int:
    """Commit a new run with its goal; returns the version. Raises KeyExists when the run is there already."""

    def write(tx: Transaction) -> None:
        if tx.execute("SELECT 1 FROM lake.main.runs WHERE run = ?", (run,)):
            raise KeyExists(f"run {run}")
        row = (run, profile, config_yaml, json.dumps(versions, sort_keys=True), goal, datetime.now(UTC))
        tx.execute("INSERT INTO lake.main.runs VALUES (?, ?, ?, ?, ?, ?)", row)

    return lake.commit(write, run=run, iteration=0, stage="prepare", note="new run")


def find_run(lake: Lake, run: str) -> RunRecord | None:
    return next((record for record in list_runs(lake) if record.run == run), None)


def get_run(lake: Lake, run: str) -> RunRecord:
    """The run of that name. Raises UserError where there is none."""
    record = find_run(lake, run)
    if record is None:
        raise UserError(unknown(run))
    return record


def unknown(run: str) -> str:
    return f"no run {run!r} in the lake; `rise runs` lists them"


def list_runs(lake: Lake) -> list[RunRecord]:
    """Every run, oldest first."""
    found = lake.query(
        "SELECT *, (SELECT max(iteration) FROM metrics m WHERE m.run = r.run AND m.split = ?) AS iterations_done"
        " FROM runs r ORDER BY created_at, run",
        [EVAL_SPLIT],
    )
    return [RunRecord(**{**row, "versions": json.loads(row["versions"])}) for row in found.to_pylist()]


def set_goal(lake: Lake, run: str, goal: int) -> int:
    """Commit the iteration that a run is to reach. Raises UserError when there is no such run."""

    def write(tx: Transaction) -> None:
        if tx.execute("UPDATE lake.main.runs SET goal = ? WHERE run = ?", (goal, run)) != [(1,)]:
            raise UserError(unknown(run))

    return lake.commit(write, run=run, iteration=goal, stage="prepare", note=f"goal={goal}")


def iterations_done(lake: Lake, run: str) -> int | None:
    """The newest iteration that the flow evaluated (0: the base), None when nothing was yet."""
    found = lake.query("SELECT max(iteration) AS newest FROM metrics WHERE run = ? AND split = ?", [run, EVAL_SPLIT])
    newest = found["newest"][0].as_py()
    return None if newest is None else int(newest)


def write_problems(lake: Lake, run: str, problems: list[Problem]) -> int:
    """Commit a run's problems in their order; returns the version. Raises KeyExists when the run has some already."""

    def write(tx: Transaction) -> None:
        if tx.execute("SELECT 1 FROM lake.main.problems WHERE run = ? LIMIT 1", (run,)):
            raise KeyExists(f"problems of run {run}")
        tx.append("problems", problem_table(run, problems))

    return lake.commit(write, run=run, iteration=0, stage="prepare", note=f"problems={len(problems)}")


def problem_table(run: str, problems: list[Problem]) -> pa.Table:
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


def read_problems(lake: Lake, run: str, split: str) -> list[Problem]:
    """A run's problems of one split, in stored order."""

    def build(problem_id: str, problem: str, answer: str, solution: str | None, metadata: str) -> Problem:
        return Problem(problem_id, split, problem, answer, solution, json.loads(metadata))

    names = ("problem_id", "problem", "answer", "solution", "metadata")
    found = lake.query("SELECT * FROM problems WHERE run = ? AND split = ? ORDER BY position", [run, split])
    return records_of(build, names, found)


def find_problem(lake: Lake, run: str, text: str) -> Problem | None:
    """The run's own problem of exactly that text, None if it has none; a held-out one first."""
    rows = lake.query(
        "SELECT split, problem_id FROM problems WHERE run = ? AND problem = ?"
        " ORDER BY split <> ?, split, position LIMIT 1",
        [run, text, EVAL_SPLIT],
    ).to_pylist()
    if not rows:
        return None
    split, problem_id = rows[0]["split"], rows[0]["problem_id"]
    return next(problem for problem in read_problems(lake, run, split) if problem.problem_id == problem_id)

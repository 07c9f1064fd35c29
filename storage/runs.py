"""Table `runs`: the config, versions and goal of each run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from rise_core.errors import KeyExists, UserError
from rise_core.records import EVAL_SPLIT
from storage import arrow
from storage.lake import Lake
from storage.schema import RUNS
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A row of table `runs`.

    `config` is YAML; `goal` is the iteration to reach. `iterations_done` is the newest iteration with metrics of split
    `eval`, None before the base was evaluated.
    """

    run: str
    profile: str
    config: str
    versions: dict[str, str]
    goal: int
    created_at: datetime
    iterations_done: int | None = None


def append(lake: Lake, run: str, profile: str, config_yaml: str, versions: dict[str, str], goal: int = 0) -> int:
    """Commit a new run with a goal.

    Returns:
        The snapshot's version.

    Raises:
        KeyExists: The run exists.
    """
    record = RunRecord(run, profile, config_yaml, dict(sorted(versions.items())), goal, datetime.now(UTC))
    row = arrow.to_arrow(RUNS, [record])

    def write(tx: Transaction) -> None:
        if tx.execute("SELECT 1 FROM lake.main.runs WHERE run = ?", (run,)):
            raise KeyExists(f"run {run}")
        tx.append("runs", row)

    return lake.commit(write, run=run, iteration=0, stage="prepare", note="new run")


def find(lake: Lake, run: str) -> RunRecord | None:
    """Read the row of a run, None if there is no such run."""
    return next((record for record in read(lake) if record.run == run), None)


def get(lake: Lake, run: str) -> RunRecord:
    """Read the row of a run.

    Raises:
        UserError: There is no such run.
    """
    record = find(lake, run)
    if record is None:
        raise UserError(_unknown(run))
    return record


def read(lake: Lake) -> list[RunRecord]:
    """Read every run, oldest first."""
    # Only metrics of split `eval` count: `rise eval` may evaluate any iteration on other splits.
    rows = lake.query(
        "SELECT *, (SELECT max(iteration) FROM metrics m WHERE m.run = r.run AND m.split = ?) AS iterations_done"
        " FROM runs r ORDER BY created_at, run",
        [EVAL_SPLIT],
    )
    return [RunRecord(**{**row, "versions": json.loads(row["versions"])}) for row in rows.to_pylist()]


def set_goal(lake: Lake, run: str, goal: int) -> int:
    """Commit the iteration to reach.

    Returns:
        The snapshot's version.

    Raises:
        UserError: There is no such run.
    """

    def write(tx: Transaction) -> None:
        if tx.execute("UPDATE lake.main.runs SET goal = ? WHERE run = ?", (goal, run)) != [(1,)]:
            raise UserError(_unknown(run))

    return lake.commit(write, run=run, iteration=goal, stage="prepare", note=f"goal={goal}")


def iterations_done(lake: Lake, run: str) -> int | None:
    """Return the newest iteration evaluated by the flow (0: the base). None before the first evaluation."""
    rows = lake.query("SELECT max(iteration) AS newest FROM metrics WHERE run = ? AND split = ?", [run, EVAL_SPLIT])
    newest = rows["newest"][0].as_py()
    return None if newest is None else int(newest)


def _unknown(run: str) -> str:
    return f"no run {run!r} in the lake; `rise runs` lists them"

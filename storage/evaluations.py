"""Table `evaluations`: the settings of each split made by `rise eval`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from rise_core.errors import KeyExists
from rise_core.records import Problem
from storage import arrow, problem_rows
from storage.lake import Lake
from storage.schema import EVALUATIONS
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """The settings of a split for all iterations of a run. `config` is the whole config as YAML."""

    run: str
    split: str
    config: str


def append(lake: Lake, record: EvaluationRecord, problems: list[Problem]) -> int:
    """Commit the settings and problems of a split in one snapshot.

    Returns:
        The snapshot's version.

    Raises:
        KeyExists: The run has a split of the same name.
    """
    row = arrow.to_arrow(EVALUATIONS, [record], created_at=datetime.now(UTC))

    def write(tx: Transaction) -> None:
        key = (record.run, record.split)
        if tx.execute("SELECT 1 FROM lake.main.evaluations WHERE run = ? AND split = ?", key):
            raise KeyExists(f"split {record.split} of run {record.run}")
        # Together: a split without its problems would be evaluated on none.
        tx.append("evaluations", row)
        tx.append("problems", problem_rows.to_arrow(record.run, problems))

    note = f"split={record.split} problems={len(problems)}"
    return lake.commit(write, run=record.run, iteration=0, stage="prepare", note=note)


def find(lake: Lake, run: str, split: str) -> EvaluationRecord | None:
    """Read the settings of a split, None if the run has no such split."""
    rows = lake.query("SELECT config FROM evaluations WHERE run = ? AND split = ?", [run, split])
    return EvaluationRecord(run, split, rows["config"][0].as_py()) if rows.num_rows else None

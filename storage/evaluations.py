"""Table `evaluations`: the settings of every split that `rise eval` made, one row a run and split."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from rise.core.errors import KeyExists
from rise.core.records import Problem
from rise.storage import problem_rows
from rise.storage.lake import Lake, Transaction


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """What a split of a run stands for, for all its iterations: `config` is the whole config as YAML."""

    run: str
    split: str
    config: str


def find(lake: Lake, run: str, split: str) -> EvaluationRecord | None:
    found = lake.query("SELECT config FROM evaluations WHERE run = ? AND split = ?", [run, split])
    return EvaluationRecord(run, split, found["config"][0].as_py()) if found.num_rows else None


def append(lake: Lake, record: EvaluationRecord, problems: list[Problem]) -> int:
    """Commit a split's settings and its problems as one version, which returns. Raises KeyExists when it is there."""

    def write(tx: Transaction) -> None:
        key = (record.run, record.split)
        if tx.execute("SELECT 1 FROM lake.main.evaluations WHERE run = ? AND split = ?", key):
            raise KeyExists(f"split {record.split} of run {record.run}")
        tx.execute("INSERT INTO lake.main.evaluations VALUES (?, ?, ?, ?)", (*key, record.config, datetime.now(UTC)))
        tx.append("problems", problem_rows.to_arrow(record.run, problems))

    note = f"split={record.split} problems={len(problems)}"
    return lake.commit(write, run=record.run, iteration=0, stage="prepare", note=note)

"""Table `examples`: training targets, committed together with the selection they come from."""

from __future__ import annotations

import pyarrow as pa

from rise_core.records import Example, Purpose
from storage.arrow import TOKENS, field_names, records_of, table_of
from storage.lake import KeyExists, Lake, Transaction

COLUMNS = pa.schema(
    {
        "problem_id": pa.string(),
        "turn": pa.int32(),
        "sample": pa.int32(),
        "state_ids": TOKENS,
        "response_ids": TOKENS,
        "reward": pa.float64(),
        "weight": pa.float64(),
    }
)
MARK_SELECTED = """
    UPDATE lake.main.rollouts SET selected = true
    WHERE run = ? AND iteration = ? AND purpose = ? AND (problem_id, turn, sample) IN (
        SELECT (problem_id, turn, sample) FROM lake.main.examples WHERE run = ? AND iteration = ?
    )"""


def write_examples(lake: Lake, run: str, iteration: int, examples: list[Example]) -> int:
    """Commit an iteration's examples and mark exactly their rollouts as selected: one snapshot, whose version returns.

    Raises KeyExists when the iteration has examples already, ValueError when an example has no rollout.
    """
    if not examples:
        raise ValueError(f"run {run}, iteration {iteration} has no examples to write")
    table = table_of(COLUMNS, examples)
    table = table.append_column("run", pa.repeat(run, len(examples)))
    table = table.append_column("iteration", pa.repeat(pa.scalar(iteration, pa.int32()), len(examples)))
    targets = {(e.problem_id, e.turn, e.sample) for e in examples}

    def write(tx: Transaction) -> None:
        if tx.execute("SELECT 1 FROM lake.main.examples WHERE run = ? AND iteration = ? LIMIT 1", (run, iteration)):
            raise KeyExists(f"examples of run {run}, iteration {iteration}")
        tx.append("examples", table)
        ((marked,),) = tx.execute(MARK_SELECTED, (run, iteration, Purpose.COLLECT, run, iteration))
        if marked != len(targets):
            raise ValueError(f"{len(targets)} examples of run {run}, iteration {iteration} name {marked} rollouts")

    return lake.commit(write, run=run, iteration=iteration, stage="write_parquet", note=f"examples={len(examples)}")


def has_examples(lake: Lake, run: str, iteration: int) -> bool:
    found = lake.query("SELECT 1 FROM examples WHERE run = ? AND iteration = ? LIMIT 1", [run, iteration])
    return bool(found.num_rows)


def read_examples(lake: Lake, run: str, iterations: list[int]) -> list[Example]:
    """The examples of some iterations, ordered by iteration, problem, turn and sample."""
    names = ", ".join(field_names(Example))
    found = lake.query(
        f"SELECT {names} FROM examples WHERE run = ? AND list_contains(?::INTEGER[], iteration)"  # noqa: S608
        " ORDER BY iteration, problem_id, turn, sample",
        [run, iterations],
    )
    return records_of(Example, field_names(Example), found)

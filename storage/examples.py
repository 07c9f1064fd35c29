"""Table `examples`: training targets, committed together with the selection they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from rise.core.errors import KeyExists
from rise.core.records import Example, Purpose
from rise.core.streams import batched
from rise.storage import memory
from rise.storage.arrow import TOKENS, field_names, records_of, table_of
from rise.storage.lake import Lake, Transaction

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
BATCH = 4096  # examples that are Python objects at a time
OF_ITERATIONS = """
    FROM examples WHERE run = ? AND list_contains(?::INTEGER[], iteration)
    ORDER BY iteration, problem_id, turn, sample"""
SHARDS = 8  # whose rows are marked at a time: DuckDB holds each of them whole, with its text and its tokens
SHARDS_OF = "SELECT coalesce(max(shard) + 1, 0) FROM lake.main.rollouts WHERE run = ? AND iteration = ? AND purpose = ?"
MARK_SELECTED = """
    UPDATE lake.main.rollouts SET selected = true
    WHERE run = ? AND iteration = ? AND purpose = ? AND shard BETWEEN ? AND ? AND (problem_id, turn, sample) IN (
        SELECT (problem_id, turn, sample) FROM lake.main.examples WHERE run = ? AND iteration = ?
    )"""


def append(lake: Lake, run: str, iteration: int, examples: Iterable[Example]) -> int:
    """Commit an iteration's examples and mark exactly their rollouts as selected: one snapshot, whose version returns.

    They wait in a temporary file until all are there, since a million take hundreds of MB of memory. Raises KeyExists
    when the iteration has examples already, ValueError when an example has no rollout.
    """
    with TemporaryDirectory(prefix="rise-examples-") as folder:
        file = Path(folder) / "examples.parquet"
        count = write_file(file, run, iteration, examples)

        def write(tx: Transaction) -> None:
            if tx.execute("SELECT 1 FROM lake.main.examples WHERE run = ? AND iteration = ? LIMIT 1", (run, iteration)):
                raise KeyExists(f"examples of run {run}, iteration {iteration}")
            tx.execute("INSERT INTO lake.main.examples BY NAME FROM read_parquet(?)", (str(file),))
            marked = mark_selected(tx, run, iteration)
            if marked != count:
                raise ValueError(f"{count} examples of run {run}, iteration {iteration} name {marked} rollouts")

        return lake.commit(write, run=run, iteration=iteration, stage="write_parquet", note=f"examples={count}")


def mark_selected(tx: Transaction, run: str, iteration: int) -> int:
    """Mark the rollouts that the iteration's examples name; returns how many were found."""
    place, marked = (run, iteration, Purpose.COLLECT), 0
    ((shards,),) = tx.execute(SHARDS_OF, place)
    for shard in range(0, shards, SHARDS):
        ((found,),) = tx.execute(MARK_SELECTED, (*place, shard, shard + SHARDS - 1, run, iteration))
        marked += found
        memory.give_back()
    return marked


def write_file(file: Path, run: str, iteration: int, examples: Iterable[Example]) -> int:
    """Write the examples to a Parquet file, batch by batch; returns how many. Raises ValueError for none."""
    count = 0
    with pq.ParquetWriter(file, as_table(run, iteration, []).schema) as out:
        for batch in batched(examples, BATCH):
            out.write_table(as_table(run, iteration, batch))
            count += len(batch)
    if not count:
        raise ValueError(f"run {run}, iteration {iteration} has no examples to write")
    return count


def as_table(run: str, iteration: int, examples: list[Example]) -> pa.Table:
    table = table_of(COLUMNS, examples).append_column("run", pa.repeat(run, len(examples)))
    return table.append_column("iteration", pa.repeat(pa.scalar(iteration, pa.int32()), len(examples)))


def has(lake: Lake, run: str, iteration: int) -> bool:
    found = lake.query("SELECT 1 FROM examples WHERE run = ? AND iteration = ? LIMIT 1", [run, iteration])
    return bool(found.num_rows)


def read(lake: Lake, run: str, iterations: list[int]) -> Iterator[Example]:
    """The examples of some iterations, ordered by iteration, problem, turn and sample, a batch of them in memory."""
    names = ", ".join(field_names(Example))
    for batch in lake.stream(f"SELECT {names}{OF_ITERATIONS}", [run, iterations], BATCH):
        yield from records_of(Example, field_names(Example), pa.Table.from_batches([batch]))


def read_rewards(lake: Lake, run: str, iterations: list[int]) -> list[float]:
    """The rewards of the same examples in the same order."""
    return list(lake.query(f"SELECT reward{OF_ITERATIONS}", [run, iterations])["reward"].to_pylist())

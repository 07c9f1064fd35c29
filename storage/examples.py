"""Table `examples`: training targets, committed together with the marks of their rollouts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from rise_core.errors import KeyExists
from rise_core.records import Example, Purpose
from rise_core.streams import batched
from storage import arrow, memory
from storage.arrow import field_names
from storage.lake import Lake
from storage.schema import EXAMPLES
from storage.transaction import Transaction

SHARDS_PER_UPDATE = 8  # DuckDB holds each row that it marks whole, with its text and its tokens
_BATCH = 4096  # examples that are Python objects at a time
_OF_ITERATIONS = """
    FROM examples WHERE run = ? AND list_contains(?::INTEGER[], iteration)
    ORDER BY iteration, problem_id, turn, sample"""
_SHARDS = "SELECT coalesce(max(shard) + 1, 0) FROM lake.main.rollouts WHERE run = ? AND iteration = ? AND purpose = ?"
_MARK = """
    UPDATE lake.main.rollouts SET selected = true
    WHERE run = ? AND iteration = ? AND purpose = ? AND shard BETWEEN ? AND ? AND (problem_id, turn, sample) IN (
        SELECT (problem_id, turn, sample) FROM lake.main.examples WHERE run = ? AND iteration = ?
    )"""


def append(lake: Lake, run: str, iteration: int, examples: Iterable[Example]) -> int:
    """Commit an iteration's examples and mark their rollouts as selected, in one snapshot.

    A temporary file holds the examples until the commit: a million take hundreds of MB of memory.

    Returns:
        The snapshot's version.

    Raises:
        KeyExists: The iteration has examples.
        ValueError: There is no example, or an example has no rollout.
    """
    with TemporaryDirectory(prefix="rise-examples-") as folder:
        file = Path(folder) / "examples.parquet"
        count = _write_file(file, run, iteration, examples)

        def write(tx: Transaction) -> None:
            if tx.execute("SELECT 1 FROM lake.main.examples WHERE run = ? AND iteration = ? LIMIT 1", (run, iteration)):
                raise KeyExists(f"examples of run {run}, iteration {iteration}")
            tx.execute("INSERT INTO lake.main.examples BY NAME FROM read_parquet(?)", (str(file),))
            # As many marks as examples: an example without a rollout rolls everything back.
            marked = mark_selected(tx, run, iteration)
            if marked != count:
                raise ValueError(f"{count} examples of run {run}, iteration {iteration} name {marked} rollouts")

        return lake.commit(write, run=run, iteration=iteration, stage="write_parquet", note=f"examples={count}")


def has(lake: Lake, run: str, iteration: int) -> bool:
    """Tell whether an iteration has examples."""
    return bool(lake.query("SELECT 1 FROM examples WHERE run = ? AND iteration = ? LIMIT 1", [run, iteration]).num_rows)


def read(lake: Lake, run: str, iterations: list[int]) -> Iterator[Example]:
    """Yield the examples of some iterations by iteration, problem, turn and sample. A batch at a time is in memory."""
    names = ", ".join(field_names(Example))
    for batch in lake.stream(f"SELECT {names}{_OF_ITERATIONS}", [run, iterations], _BATCH):
        yield from arrow.from_arrow(Example, field_names(Example), pa.Table.from_batches([batch]))


def read_rewards(lake: Lake, run: str, iterations: list[int]) -> list[float]:
    """Read the rewards of the same examples in the same order."""
    return list(lake.query(f"SELECT reward{_OF_ITERATIONS}", [run, iterations])["reward"].to_pylist())


def mark_selected(tx: Transaction, run: str, iteration: int) -> int:
    """Mark the rollouts of an iteration's examples as selected.

    Returns:
        The number of rollouts marked.
    """
    key, marked = (run, iteration, Purpose.COLLECT), 0
    ((shards,),) = tx.execute(_SHARDS, key)
    for shard in range(0, shards, SHARDS_PER_UPDATE):
        ((count,),) = tx.execute(_MARK, (*key, shard, shard + SHARDS_PER_UPDATE - 1, run, iteration))
        marked += count
        memory.give_back()
    return marked


def _write_file(file: Path, run: str, iteration: int, examples: Iterable[Example]) -> int:
    """Write examples to a Parquet file batch by batch, and return their number. Raises ValueError for none."""
    count = 0
    with pq.ParquetWriter(file, EXAMPLES.arrow_schema()) as out:
        for batch in batched(examples, _BATCH):
            out.write_table(arrow.to_arrow(EXAMPLES, batch, run=run, iteration=iteration))
            count += len(batch)
    if not count:
        raise ValueError(f"run {run}, iteration {iteration} has no examples to write")
    return count

"""Table `metrics`: what every evaluation found, one row a metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from rise.core.records import EVAL_SPLIT
from rise.storage.arrow import records_of, table_of
from rise.storage.lake import Lake, Transaction

if TYPE_CHECKING:
    from rise.core.method.metrics import Metric

COLUMNS = pa.schema(
    {
        "split": pa.string(),
        "metric": pa.string(),
        "value": pa.float64(),
        "ci_low": pa.float64(),
        "ci_high": pa.float64(),
        "n": pa.int32(),
    }
)


def replace(lake: Lake, run: str, iteration: int, rows: list[Metric]) -> int:
    """Commit an iteration's metrics in place of those it had on the same splits; returns the snapshot's version."""
    table = table_of(COLUMNS, rows)
    table = table.append_column("run", pa.repeat(run, len(rows)))
    table = table.append_column("iteration", pa.repeat(pa.scalar(iteration, pa.int32()), len(rows)))
    splits = sorted({row.split for row in rows})

    def write(tx: Transaction) -> None:
        tx.execute(
            "DELETE FROM lake.main.metrics WHERE run = ? AND iteration = ? AND list_contains(?::VARCHAR[], split)",
            (run, iteration, splits),
        )
        tx.append("metrics", table)

    return lake.commit(
        write, run=run, iteration=iteration, stage="evaluate", note=f"metrics={len(rows)} split={','.join(splits)}"
    )


def read(lake: Lake, run: str, split: str = EVAL_SPLIT) -> list[tuple[int, Metric]]:
    """(iteration, metric) of a run on one split, ordered by iteration, as written within them."""
    from rise.core.method.metrics import Metric

    found = lake.query("SELECT * FROM metrics WHERE run = ? AND split = ? ORDER BY iteration, rowid", [run, split])
    return [(row[0], Metric(*row[1:])) for row in records_of(lambda *v: v, ("iteration", *COLUMNS.names), found)]

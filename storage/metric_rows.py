"""Table `metrics`: the results of every evaluation, a row for each metric."""

from __future__ import annotations

from rise_core.records import EVAL_SPLIT, Metric
from storage import arrow
from storage.arrow import field_names
from storage.lake import Lake
from storage.schema import METRICS
from storage.transaction import Transaction


def replace(lake: Lake, run: str, iteration: int, metrics: list[Metric]) -> int:
    """Commit an iteration's metrics in place of earlier metrics on the same splits.

    Returns:
        The snapshot's version.
    """
    rows = arrow.to_arrow(METRICS, metrics, run=run, iteration=iteration)
    splits = sorted({metric.split for metric in metrics})

    # Replaced, not refused: an evaluation may be repeated.
    def write(tx: Transaction) -> None:
        tx.execute(
            "DELETE FROM lake.main.metrics WHERE run = ? AND iteration = ? AND list_contains(?::VARCHAR[], split)",
            (run, iteration, splits),
        )
        tx.append("metrics", rows)

    note = f"metrics={len(metrics)} split={','.join(splits)}"
    return lake.commit(write, run=run, iteration=iteration, stage="evaluate", note=note)


def read(lake: Lake, run: str, split: str = EVAL_SPLIT) -> list[tuple[int, Metric]]:
    """Read a run's metrics on one split.

    Returns:
        (iteration, metric), by iteration and in the order of writing.
    """
    rows = lake.query("SELECT * FROM metrics WHERE run = ? AND split = ? ORDER BY iteration, rowid", [run, split])
    metrics = arrow.from_arrow(Metric, field_names(Metric), rows)
    return list(zip(rows["iteration"].to_pylist(), metrics, strict=True))

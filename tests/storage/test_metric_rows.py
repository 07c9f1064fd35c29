"""Metrics of an iteration and split are replaced, not doubled."""

from __future__ import annotations

from storage import metric_rows
from storage.lake import Lake
from tests.storage.samples import metric


def test_metrics_are_replaced_not_doubled(lake: Lake) -> None:
    metric_rows.replace(lake, "r1", 0, [metric("m1@t1", 0.1)])
    metric_rows.replace(lake, "r1", 1, [metric("m1@t1", 0.2), metric("acc@t1", 0.2)])
    metric_rows.replace(lake, "r1", 1, [metric("m1@t1", 0.3), metric("acc@t1", 0.3)])
    metric_rows.replace(lake, "r1", 1, [metric("m1@t1", 0.4, split="wide")])
    assert metric_rows.read(lake, "r1") == [
        *((0, metric("m1@t1", 0.1)), (1, metric("m1@t1", 0.3)), (1, metric("acc@t1", 0.3)))
    ]
    assert metric_rows.read(lake, "r1", "wide") == [(1, metric("m1@t1", 0.4, split="wide"))]

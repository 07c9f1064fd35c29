"""Runs with their goals, and how far each is."""

from __future__ import annotations

import pytest

from rise_core.errors import KeyExists, UserError
from storage import metric_rows, runs
from storage.lake import Lake
from storage.runs import iterations_done, set_goal
from tests.storage.samples import metric


def test_a_run_and_its_goal(lake: Lake) -> None:
    assert runs.find(lake, "r1") is None
    runs.append(lake, "r1", "demo", "seed: 0\n", {"vllm": "0.32.0"})
    runs.append(lake, "r2", "demo", "seed: 1\n", {})
    with pytest.raises(KeyExists, match="run r1"):
        runs.append(lake, "r1", "demo", "seed: 0\n", {})
    set_goal(lake, "r1", 3)
    run = runs.find(lake, "r1")
    assert run is not None
    assert (run.profile, run.config, run.versions, run.goal) == ("demo", "seed: 0\n", {"vllm": "0.32.0"}, 3)
    assert run.created_at.utcoffset() is not None
    assert [(r.run, r.goal, r.iterations_done) for r in runs.read(lake)] == [("r1", 3, None), ("r2", 0, None)]
    with pytest.raises(UserError, match="no run 'r9'"):
        set_goal(lake, "r9", 1)


def test_an_iteration_is_done_when_it_has_metrics(lake: Lake) -> None:
    runs.append(lake, "r1", "demo", "", {})
    assert iterations_done(lake, "r1") is None
    for iteration in (0, 1):
        metric_rows.replace(lake, "r1", iteration, [metric("m1@t1", 0.25)])
        assert iterations_done(lake, "r1") == iteration
        assert runs.read(lake)[0].iterations_done == iteration
    metric_rows.replace(lake, "r1", 2, [metric("m1@t1", 0.25, split="turns-10")])
    assert iterations_done(lake, "r1") == runs.read(lake)[0].iterations_done == 1
    assert iterations_done(lake, "r2") is None

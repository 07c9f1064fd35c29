from __future__ import annotations

import pytest

from rise.core.errors import KeyExists, UserError
from rise.core.method.metrics import Metric
from rise.core.records import Problem
from rise.storage import metric_rows, problem_rows, runs
from rise.storage.lake import Lake
from rise.storage.runs import iterations_done, set_goal


def metric(name: str, value: float, split: str = "eval") -> Metric:
    return Metric(split=split, metric=name, value=value, ci_low=value - 0.05, ci_high=value + 0.05, n=300)


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
    assert [(r.run, r.goal, r.iterations_done) for r in runs.all(lake)] == [("r1", 3, None), ("r2", 0, None)]
    with pytest.raises(UserError, match="no run 'r9'"):
        set_goal(lake, "r9", 1)


def test_an_iteration_is_done_when_it_has_metrics(lake: Lake) -> None:
    runs.append(lake, "r1", "demo", "", {})
    assert iterations_done(lake, "r1") is None
    for iteration in (0, 1):
        metric_rows.replace(lake, "r1", iteration, [metric("m1@t1", 0.25)])
        assert iterations_done(lake, "r1") == iteration
        assert runs.all(lake)[0].iterations_done == iteration
    metric_rows.replace(lake, "r1", 2, [metric("m1@t1", 0.25, split="turns-10")])
    assert iterations_done(lake, "r1") == runs.all(lake)[0].iterations_done == 1
    assert iterations_done(lake, "r2") is None


def test_problems_keep_their_order_and_content(lake: Lake) -> None:
    problems = [
        Problem("z", "train", "1 + 1?", "#### 2", solution="two", metadata={"n": [1, 2.5], "s": "ü"}),
        Problem("a", "train", "2 + 2?", "#### 4"),
        Problem("a", "eval", "3 + 3?", "#### 6"),
    ]
    problem_rows.append(lake, "r1", problems)
    assert problem_rows.read(lake, "r1", "train") == problems[:2]
    assert problem_rows.read(lake, "r1", "eval") == problems[2:]
    assert problem_rows.read(lake, "r2", "eval") == []
    with pytest.raises(KeyExists):
        problem_rows.append(lake, "r1", problems)


def test_metrics_are_replaced_not_doubled(lake: Lake) -> None:
    metric_rows.replace(lake, "r1", 0, [metric("m1@t1", 0.1)])
    metric_rows.replace(lake, "r1", 1, [metric("m1@t1", 0.2), metric("acc@t1", 0.2)])
    metric_rows.replace(lake, "r1", 1, [metric("m1@t1", 0.3), metric("acc@t1", 0.3)])
    metric_rows.replace(lake, "r1", 1, [metric("m1@t1", 0.4, split="wide")])
    assert metric_rows.read(lake, "r1") == [
        *((0, metric("m1@t1", 0.1)), (1, metric("m1@t1", 0.3)), (1, metric("acc@t1", 0.3)))
    ]
    assert metric_rows.read(lake, "r1", "wide") == [(1, metric("m1@t1", 0.4, split="wide"))]


@pytest.mark.parametrize(("votes", "turns"), [(5, 5), (3, 8)])
def test_the_leaderboard_reads_the_numbers_in_the_names(lake: Lake, votes: int, turns: int) -> None:
    values = {
        "m1@t1": 0.1,
        f"m{votes}@t1": 0.2,
        f"m1@t{turns}": 0.6,  # not 0.2 + 0.3: the gain is of the problems that both votes decide
        f"p1@t{turns}": 0.6,
        f"p{votes}@t1": 0.7,
        "acc@t1": 0.1,
        "fixed@t2": 0.9,
        "gain_parallel": 0.3,
    }
    metric_rows.replace(lake, "r1", 2, [metric(name, value) for name, value in values.items()])
    (row,) = lake.query("SELECT * FROM leaderboard").to_pylist()
    gain = [row.pop(name) for name in ("gain_low", "gain", "gain_high")]
    assert gain == pytest.approx([0.25, 0.3, 0.35])
    assert row == {
        **{"run": "r1", "iteration": 2, "split": "eval", "samples": votes, "turns": turns, "n": 300},
        **{"m1_t1": 0.1, "mk_t1": 0.2, "m1_tk": 0.6, "p1_tk": 0.6, "pk_t1": 0.7},
    }

"""In which order a run begins its (shard, turn)s."""

from __future__ import annotations

from pathlib import Path

from rise_core.method.episode import collection_plan, evaluation_plans
from tasks.run.work import open_units, shards_in_flight
from tests.tasks.rehearsed import rehearsed

SHARDS = ("collect.shard_size=1", "engine.replicas=1", "engine.in_flight=1")
TURNS = "collect.turns=[{policy: learner, n: 1}, {policy: learner, n: 1}, {policy: learner, n: 4}]"


def test_a_later_turn_begins_a_few_shards_behind_its_earlier_one(tmp_path: Path) -> None:
    with rehearsed(tmp_path, *SHARDS, TURNS) as context:
        order = [(unit.turn, unit.shard) for unit in open_units(context, 1, [collection_plan(context.config)])]
    assert sorted(order) == [(turn, shard) for turn in (1, 2, 3) for shard in range(7)]
    assert order[:7] == [(1, 0), (1, 1), (2, 0), (1, 2), (2, 1), (1, 3), (3, 0)]
    positions = {unit: position for position, unit in enumerate(order)}
    for turn, shard in order:
        if turn > 1:
            assert positions[turn, shard] - positions[turn - 1, shard] > shards_in_flight(context), (
                "its earlier turn may still be graded"
            )


def test_few_shards_go_turn_by_turn_and_no_plan_waits_for_another(tmp_path: Path) -> None:
    with rehearsed(tmp_path, "engine.replicas=2", "engine.in_flight=2", "eval.turns=2") as context:
        order = [(unit.purpose.value, unit.turn) for unit in open_units(context, 1, evaluation_plans(context.config))]
    assert order == [("eval_sequential", 1), ("eval_parallel", 1), ("eval_sequential", 2)]

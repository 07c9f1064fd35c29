"""Examples and the marks of their rollouts share a commit."""

from __future__ import annotations

import pytest

from rise_core.errors import KeyExists
from rise_core.records import Example
from storage import examples, rollouts
from storage.examples import SHARDS_PER_UPDATE as MARKED
from storage.lake import Lake
from tests.storage.samples import rollout


def example(**changes: object) -> Example:
    values = {"problem_id": "p0", "turn": 2, "sample": 1, "state_ids": [1, 2, 3], "response_ids": [4, 5]}
    return Example(**{**values, "reward": 1.0, "weight": 12.18, **changes})  # type: ignore[arg-type]


def test_examples_and_their_selection_are_one_version(lake: Lake) -> None:
    rollouts.append(lake, [rollout(problem_id=p) for p in ("p0", "p1")])
    rollouts.append(lake, [rollout(problem_id=p, turn=2, sample=s) for p in ("p0", "p1") for s in range(3)])
    rollouts.append(lake, [rollout(turn=2, sample=1, iteration=2)])
    rollouts.append(lake, [rollout(turn=2, sample=1, purpose="eval_sequential")])
    before = lake.version()
    targets = [example(), example(problem_id="p1", turn=1, sample=0, weight=0.08)]
    version = examples.append(lake, "r1", 1, targets)
    assert version == before + 1
    assert list(examples.read(lake, "r1", [1])) == targets
    assert examples.has(lake, "r1", 1)
    assert not examples.has(lake, "r1", 2)
    everything = lake.query("SELECT iteration, purpose, problem_id, turn, sample FROM rollouts WHERE selected")
    assert sorted(tuple(row.values()) for row in everything.to_pylist()) == [
        (1, "collect", "p0", 2, 1),
        (1, "collect", "p1", 1, 0),
    ]
    assert lake.query("SELECT count(*) AS n FROM rollouts")["n"][0].as_py() == 10
    with pytest.raises(KeyExists):
        examples.append(lake, "r1", 1, targets)


def test_an_example_without_its_rollout_is_refused_whole(lake: Lake) -> None:
    rollouts.append(lake, [rollout()])
    before = lake.version()
    with pytest.raises(ValueError, match="2 examples of run r1, iteration 1 name 1 rollouts"):
        examples.append(lake, "r1", 1, [example(turn=1, sample=0), example(sample=99)])
    assert lake.version() == before
    assert not examples.has(lake, "r1", 1)
    assert not any(row.selected for row in rollouts.read(lake, "r1", 1, "collect"))


def test_examples_of_several_iterations(lake: Lake) -> None:
    for iteration in (1, 2, 3):
        rollouts.append(lake, [rollout(iteration=iteration)])
        examples.append(lake, "r1", iteration, [example(turn=1, sample=0, reward=float(iteration))])
    assert [e.reward for e in examples.read(lake, "r1", [3, 1])] == [1.0, 3.0]
    assert list(examples.read(lake, "r1", [])) == []


def test_examples_of_many_shards_are_all_marked(lake: Lake) -> None:
    shards = [0, MARKED - 1, MARKED, 3 * MARKED + 1]  # at the edges of what is marked at a time, and beyond a gap
    for shard in shards:
        rollouts.append(lake, [rollout(problem_id=f"p{shard}", shard=shard, sample=sample) for sample in (0, 1)])
    examples.append(lake, "r1", 1, [example(problem_id=f"p{shard}", turn=1, sample=1) for shard in shards])
    marked = [(row.shard, row.sample) for row in rollouts.read(lake, "r1", 1, "collect") if row.selected]
    assert sorted(marked) == [(shard, 1) for shard in shards]

"""Rollouts come back unchanged, in order, shard by shard."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from rise_core.errors import KeyExists
from rise_core.records import Candidate, Rollout, Scored
from storage import rollouts
from storage.lake import Lake
from storage.rollouts import (
    SHARDS_PER_QUERY,
    from_arrow,
    read_candidates,
    read_scored,
    read_targets,
    target_keys,
    to_arrow,
)
from tests.storage.samples import rollout, shard_rows


def narrow(record: type, rows: list[Rollout]) -> list[object]:
    """Rollouts with the fields of `record` only."""
    return [record(**{field.name: getattr(row, field.name) for field in fields(record)}) for row in rows]


def test_a_rollout_comes_back_as_it_was(lake: Lake) -> None:
    graded = rollout()
    failed = rollout(problem_id="p1", answer=None, verdict=None, reward=None, response_ids=[], response="", latency=0.0)
    assert from_arrow(to_arrow([graded, failed])) == [graded, failed]
    rollouts.append(lake, [failed, graded])
    assert rollouts.read(lake, "r1", 1, "collect") == [graded, failed]


def test_sliced_and_chunked_token_lists() -> None:
    rows = [rollout(sample=i, response_ids=list(range(i))) for i in range(6)]
    assert from_arrow(to_arrow(rows).slice(2, 3)) == rows[2:5]
    assert from_arrow(to_arrow([])) == []


def test_reading_is_ordered_and_narrowed(lake: Lake) -> None:
    turn_1 = [rollout(problem_id=p) for p in ("p1", "p0")]
    turn_2 = [rollout(problem_id="p0", turn=2, sample=s) for s in (1, 0, 10, 2)]
    other = [rollout(problem_id="p2", shard=1)]
    for rows in (
        turn_2,
        turn_1,
        other,
        [rollout(iteration=2)],
        [rollout(run="r2")],
        [rollout(purpose="eval_parallel")],
    ):
        rollouts.append(lake, rows)
    read = rollouts.read(lake, "r1", 1, "collect")
    assert [(r.problem_id, r.turn, r.sample) for r in read] == [
        *(("p0", 1, 0), ("p0", 2, 0), ("p0", 2, 1), ("p0", 2, 2), ("p0", 2, 10)),
        *(("p1", 1, 0), ("p2", 1, 0)),
    ]
    assert rollouts.read(lake, "r1", 1, "collect", shard=1) == other
    assert rollouts.read(lake, "nobody", 1, "collect") == []


def test_a_key_is_written_once(lake: Lake) -> None:
    version = rollouts.append(lake, shard_rows(0))
    with pytest.raises(KeyExists, match="split train, shard 0, turn 1"):
        rollouts.append(lake, shard_rows(0))
    assert lake.version() == version
    rollouts.append(lake, shard_rows(1))
    rollouts.append(lake, [rollout(turn=2)])
    rollouts.append(lake, [rollout(purpose="eval_parallel", split="eval")])
    rollouts.append(lake, [rollout(purpose="eval_parallel", split="wide", answer="8")])
    assert rollouts.units(lake, "r1", 1) == {
        *(("collect", "train", 0, 1), ("collect", "train", 1, 1), ("collect", "train", 0, 2)),
        *(("eval_parallel", "eval", 0, 1), ("eval_parallel", "wide", 0, 1)),
    }
    assert [r.answer for r in rollouts.read(lake, "r1", 1, "eval_parallel", split="wide")] == ["8"]
    assert rollouts.units(lake, "r1", 2) == set()


def test_a_commit_holds_one_key(lake: Lake) -> None:
    with pytest.raises(ValueError, match="one shard's turn"):
        rollouts.append(lake, [rollout(), rollout(turn=2)])
    with pytest.raises(ValueError, match="one shard's turn"):
        rollouts.append(lake, [])


def test_shards_come_one_at_a_time_with_all_their_turns(lake: Lake) -> None:
    late, early = [rollout(problem_id="p9", shard=1)], [rollout(problem_id="p0")]
    revisions = [rollout(problem_id="p9", shard=1, turn=2, sample=s) for s in (0, 1)]
    parallel = [rollout(problem_id="e0", purpose="eval_parallel", split="eval")]
    for rows in (late, early, revisions, parallel, [rollout(problem_id="x", shard=5, iteration=2)]):
        rollouts.append(lake, rows)

    assert list(read_scored(lake, "r1", 1, "collect")) == [narrow(Scored, early), narrow(Scored, [*late, *revisions])]
    assert list(read_scored(lake, "r1", 1, "eval_parallel", "collect", split="eval")) == [narrow(Scored, parallel)]
    assert list(read_scored(lake, "nobody", 1, "collect")) == []


def test_targets_come_with_the_attempts_before_them(lake: Lake) -> None:
    first, revisions = rollout(), [rollout(turn=2, sample=sample) for sample in range(4)]
    other = rollout(problem_id="p9", shard=1, purpose="collect")
    for rows in ([first], revisions, [other], [rollout(turn=2, sample=3, purpose="eval_parallel")]):
        rollouts.append(lake, rows)
    targets = target_keys(narrow(Candidate, [revisions[3], revisions[1]]))  # type: ignore[arg-type]

    early, late = read_targets(lake, "r1", 1, targets)
    assert early == [first, revisions[0], replace(revisions[1], selected=True), replace(revisions[3], selected=True)]
    assert late == [other]


def test_candidates_are_the_same_rows_with_fewer_fields(lake: Lake) -> None:
    rows = [rollout(verdict="correct", reward=1.0), rollout(sample=1, repetitive=True, response_ids=[])]
    rollouts.append(lake, rows)
    rollouts.append(lake, [rollout(purpose="eval_parallel")])
    assert list(read_candidates(lake, "r1", 1)) == [narrow(Candidate, rows)]


def test_many_shards_with_gaps_are_read_in_several_queries(lake: Lake) -> None:
    # More than two queries, over ranges with missing shards.
    shards = [*range(SHARDS_PER_QUERY + 1), SHARDS_PER_QUERY + 3, 50, 51]
    scored = {}
    for shard in shards:
        key = {"shard": shard, "split": "eval"}
        turns = [rollout(problem_id=f"p{shard}", purpose="eval_sequential", **key)]
        parallel = [rollout(problem_id=f"p{shard}", purpose="eval_parallel", sample=s, **key) for s in (0, 1)]
        for rows in (parallel, turns):
            rollouts.append(lake, rows)
        scored[shard] = narrow(Scored, [*turns, *parallel])

    assert list(read_scored(lake, "r1", 1, "eval_sequential", "eval_parallel")) == [scored[s] for s in shards]
    backwards = [[*scored[s][1:], scored[s][0]] for s in shards]
    assert list(read_scored(lake, "r1", 1, "eval_parallel", "eval_sequential")) == backwards

"""Responses, examples and tokens of a run's training."""

from __future__ import annotations

from rise_core.records import Example
from storage import checkpoints, examples, rollouts
from storage.lake import Lake
from storage.spending import count_responses, count_training
from tests.storage.samples import checkpoint, rollout


def test_what_a_runs_training_took(lake: Lake) -> None:
    for iteration, name in enumerate(("base", "one", "two")):
        checkpoints.append(lake, checkpoint("r1", iteration, name))
    for iteration, policy in ((1, "base"), (2, "one")):
        rollouts.append(lake, [rollout(iteration=iteration, policy=policy, sample=s) for s in range(3)])
        rollouts.append(lake, [rollout(iteration=iteration, policy="wise-9b", turn=2, response_ids=[1] * 10)])
        rollouts.append(lake, [rollout(iteration=iteration, policy=policy, purpose="eval_parallel", split="eval")])
        examples.append(lake, "r1", iteration, [Example("p0", 1, s, [1], [2], 1.0, 1.0) for s in range(iteration)])
    rollouts.append(lake, [rollout(run="r2", policy="one")])

    assert count_responses(lake, "r1", 1) == {"learner": (3, 12), "wise-9b": (1, 10)}
    assert count_responses(lake, "r1", 2) == {"learner": (6, 24), "wise-9b": (2, 20)}
    assert count_responses(lake, "r1", 0) == {}
    assert count_training(lake, "r1", 1) == (1, 200)
    assert count_training(lake, "r1", 2) == (3, 500)
    assert count_training(lake, "r1", 0) == (0, 0)

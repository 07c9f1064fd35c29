"""Cost of a run's training in `rise compare`, from rows of a real lake."""

from __future__ import annotations

from pathlib import Path

from flows.cli.compared_runs import read_spending, spending_order
from rise_core.method.comparison import SAMPLED
from rise_core.records import Example
from storage import checkpoints, examples, rollouts
from storage.lake import Lake
from storage.location import LakeLocation
from tests.storage.samples import checkpoint, rollout


def test_gold_solutions_are_shown_but_were_not_sampled(tmp_path: Path) -> None:
    with Lake(LakeLocation.from_home(tmp_path)) as lake:
        for run in ("mixed", "sft"):
            checkpoints.append(lake, checkpoint(run, 0, "base"))
            checkpoints.append(lake, checkpoint(run, 1, f"{run}-one"))
        rollouts.append(lake, [rollout(run="mixed", policy="base", sample=s) for s in range(3)])
        rollouts.append(lake, [rollout(run="mixed", turn=2, policy="gold", problem_id=p) for p in ("p0", "p1")])
        rollouts.append(lake, [rollout(run="mixed", turn=3, policy="wise-9b", response_ids=[1] * 10)])
        rollouts.append(lake, [rollout(run="sft", policy="gold", problem_id=f"p{n}") for n in range(5)])
        examples.append(lake, "mixed", 1, [Example("p0", turn, 0, [1], [2], 1.0, 1.0) for turn in (1, 2, 3)])
        examples.append(lake, "sft", 1, [Example(f"p{n}", 1, 0, [1], [2], 1.0, 1.0) for n in range(5)])
        mixed, sft = (read_spending(lake, run, 1) for run in ("mixed", "sft"))
    assert mixed == {
        SAMPLED: 3 + 1,
        **{"  by gold": 2, "  by learner": 3, "  by wise-9b": 1},
        "sampled tokens": 3 * 4 + 10,
        "trained examples": 3,
        "trained tokens, all epochs": 200,
    }
    assert sft == {
        SAMPLED: 0,
        "  by gold": 5,
        "sampled tokens": 0,
        "trained examples": 5,
        "trained tokens, all epochs": 200,
    }
    assert [spending_order(line) for line in mixed] == [0, 1, 1, 1, 2, 3, 3]

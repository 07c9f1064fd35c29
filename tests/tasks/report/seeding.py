"""A lake with one run of known numbers, for the tests of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rise_core.method.metrics import compute_metrics
from rise_core.records import Example, Problem, Rollout
from storage import checkpoints, examples, metric_rows, problem_rows, rollouts, runs
from storage.checkpoints import CheckpointRecord
from storage.lake import Lake
from storage.runs import set_goal
from tests.storage.samples import rollout

VERDICTS = {"c": "correct", "w": "wrong", "n": "no_answer", "e": "error"}
REWARDS = {"correct": 1.0, "wrong": 0.0, "no_answer": -1.0, "error": 0.0}
# Held-out problem i's three turns. Fixed at 2: i = 2; at 3: 0 and 5. Broken at 2: 1 and 5. The base is always wrong.
TURNS = ["wwc", "cww", "wcc", "ccc", "wnw", "cwc", "www", "cec"]
LAST = len(TURNS) - 1
K = B = 3
Say = Callable[[Rollout], str]


def say(one: Rollout) -> str:
    return f"It is {one.answer}, of turn {one.turn}"


def response(verdict: str, text: Say, **key: object) -> Rollout:
    answer = {"correct": "42", "wrong": "13"}.get(verdict)
    one = rollout(run="r1", verdict=verdict, reward=REWARDS[verdict], answer=answer, **key)
    return replace(one, response=text(one))


def seed(lake: Lake, text: Say = say, question: Callable[[int], str] = "How much is problem {}?".format) -> None:
    """Write run r1: base and one iteration, held-out problems p0 to p7 on split eval, four training problems."""
    runs.append(lake, "r1", "tiny", "seed: 0\n", {}, 1)
    held_out = [Problem(f"p{i}", "eval", question(i), "42") for i in range(len(TURNS))]
    problem_rows.append(
        lake, "r1", [*held_out, *(Problem(f"t{i}", "train", f"Training problem {i}", "42") for i in range(4))]
    )
    checkpoint(lake, 0, [4.0, 2.0, 1.0])
    evaluation(lake, 0, ["w" * K] * len(TURNS), text)
    set_goal(lake, "r1", 1)
    collection(lake, text)
    checkpoint(lake, 1, [9.0, 8.0, 7.0])
    evaluation(lake, 1, TURNS, text)


def checkpoint(lake: Lake, iteration: int, losses: list[float]) -> None:
    log = [
        {"step": step, "epoch": 1.0, "loss": loss, "learning_rate": 1e-3, "tokens": 10}
        for step, loss in enumerate(losses, start=1)
    ]
    checkpoints.append(
        lake, CheckpointRecord("r1", iteration, f"id{iteration}", "full", None, "x", "x", 1, {}, training_log=log)
    )


def evaluation(lake: Lake, iteration: int, turns: list[str], text: Say = say, split: str = "eval") -> None:
    batches = []
    for turn in range(1, len(turns[0]) + 1):
        key = {"iteration": iteration, "purpose": "eval_sequential", "split": split, "turn": turn}
        batches += [
            [response(VERDICTS[letters[turn - 1]], text, **key, problem_id=f"p{i}") for i, letters in enumerate(turns)]
        ]
    key = {"iteration": iteration, "purpose": "eval_parallel", "split": split, "turn": 1}
    batches += [
        [response("wrong", text, **key, problem_id=f"p{i}", sample=j) for i in range(len(turns)) for j in range(B)]
    ]
    for rows in batches:
        rollouts.append(lake, rows)
    everything = [one for rows in batches for one in rows]
    metrics = compute_metrics(everything, split=split, turns=len(turns[0]), samples=B, bootstrap=50, seed=0)
    metric_rows.replace(lake, "r1", iteration, metrics)


def collection(lake: Lake, text: Say) -> None:
    """Write four problems with a wrong attempt and two revisions each; the second revision is right and selected."""
    key = {"iteration": 1, "purpose": "collect", "split": "train"}
    for turn, samples in ((1, ["wrong"]), (2, ["no_answer", "correct"])):
        rows = [
            response(verdict, text, **key, problem_id=f"t{i}", turn=turn, sample=j)
            for i in range(4)
            for j, verdict in enumerate(samples)
        ]
        rollouts.append(lake, rows)
    targets = [Example(f"t{i}", 2, 1, [1], [2], 1.0, 12.5) for i in range(4)]
    examples.append(lake, "r1", 1, [*targets[:3], replace(targets[3], reward=0.0, weight=1.0)])

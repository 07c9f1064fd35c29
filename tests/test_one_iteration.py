"""One RISE iteration, from the command to the metrics, read from the lake stage by stage. Start here.

The run is real: `rise run tests/profiles/tiny.yaml --run whole` makes a model of one layer from scratch, which learns
to pick the two of three numbers that sum to a target. The flow `rise` (flows/iterate.py) runs through a Prefect server,
a Ray cluster, a vLLM engine and Ray Train, and writes a lake. The fixture `whole` (tests/conftest.py) starts the
command once for all tests; tests/flows/test_iteration.py claims more about the same run.
"""

from __future__ import annotations

from math import exp
from pathlib import Path

import pytest

from tests.flows.command import query


def test_one_iteration(whole: Path) -> None:
    # prepare: the config and the problems are fixed. 24 problems train, 12 are held out.
    [run] = query(whole, "SELECT run, profile, goal FROM runs")
    assert (run["run"], run["goal"]) == ("whole", 2)
    splits = query(whole, "SELECT split, count(*) AS n FROM problems GROUP BY split ORDER BY split")
    assert splits == [{"split": "eval", "n": 12}, {"split": "train", "n": 24}]

    # Iteration 0 is the base model. Each iteration k > 0 publishes a checkpoint of its own, named by its content.
    checkpoints = query(whole, "SELECT iteration, checkpoint_id FROM checkpoints ORDER BY iteration")
    assert [row["iteration"] for row in checkpoints] == [0, 1, 2]
    base, first, _ = (row["checkpoint_id"] for row in checkpoints)

    # sample_turns: checkpoint 0 attempts 16 problems once (turn 1). After the feedback "no" and the problem again, the
    # same checkpoint makes four attempts at turn 2. The prompt of turn 2 holds the attempt of turn 1.
    collected = "FROM rollouts WHERE purpose = 'collect' AND iteration = 1"
    turns = query(whole, f"SELECT turn, count(*) n, min(prompt_tokens) prompt {collected} GROUP BY turn ORDER BY turn")
    assert [row["n"] for row in turns] == [16, 64]
    assert turns[1]["prompt"] > turns[0]["prompt"]
    assert query(whole, f"SELECT DISTINCT policy {collected}") == [{"policy": base}]

    # verify_answers: every response has a verdict and a reward in [0, 1], and stays in the lake whatever the verdict.
    ungraded = query(whole, f"SELECT * {collected} AND (verdict IS NULL OR reward NOT BETWEEN 0 AND 1)")
    assert ungraded == []

    # pick_improved: of each problem's attempts at a turn, at most one is trained on: one with the highest reward.
    best = query(
        whole,
        "SELECT problem_id, turn, max(reward) AS highest, max(reward) FILTER (selected) AS chosen,"
        f" count(*) FILTER (selected) AS n {collected} GROUP BY problem_id, turn",
    )
    assert all(row["n"] <= 1 for row in best)
    assert all(row["chosen"] == row["highest"] for row in best if row["n"])

    # write_parquet: a selected attempt is one example, with the tokens of its prompt (the state) and of its response.
    # The weight is exp(reward / tau), tau = 0.4: section 4 of the paper (arXiv 2407.18219).
    examples = query(whole, "SELECT * FROM examples WHERE iteration = 1")
    assert len(examples) == sum(row["n"] for row in best) > 0
    assert all(row["state_ids"] and row["response_ids"] for row in examples)
    assert all(abs(row["weight"] - exp(row["reward"] / 0.4)) < 1e-9 for row in examples)

    # fine_tune: weighted maximum likelihood on the responses, starting from checkpoint 0, gives checkpoint 1.
    [log] = query(whole, "SELECT training_log FROM checkpoints WHERE iteration = 1")
    assert log["training_log"][-1]["step"] == 80
    assert first != base

    # evaluate: checkpoint 1 answers the held-out problems, once over three turns and three times in parallel.
    asked = "SELECT purpose, turn, count(*) AS n FROM rollouts WHERE iteration = 1 AND split = 'eval' AND policy = "
    rows = query(whole, f"{asked} '{first}' GROUP BY ALL ORDER BY ALL")
    assert [(row["purpose"], row["turn"], row["n"]) for row in rows] == [
        ("eval_parallel", 1, 36), ("eval_sequential", 1, 12), ("eval_sequential", 2, 12), ("eval_sequential", 3, 12)
    ]  # fmt: skip

    # The metrics compare them: m1@t3 votes over three turns, m3@t1 over three parallel answers, p1@t3 asks an oracle.
    metrics = {row["metric"]: row for row in query(whole, "FROM metrics WHERE iteration = 1")}
    gain = metrics["m1@t3"]["value"] - metrics["m1@t1"]["value"]
    assert metrics["gain_turns"]["value"] == pytest.approx(gain)
    assert metrics["m1@t3"]["ci_low"] <= metrics["m1@t3"]["value"] <= metrics["m1@t3"]["ci_high"]

    # report: the run's page is one file, with charts and all rollouts.
    assert "whole" in (whole / "runs/whole/report.html").read_text()

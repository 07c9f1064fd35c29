"""What a run's training took: the responses that were sampled for it and the examples that came of them."""

from __future__ import annotations

from rise.storage.lake import Lake

COLLECTED = """
    SELECT CASE WHEN c.checkpoint_id IS NULL THEN r.policy ELSE 'learner' END AS policy,
        count(*) AS responses, sum(len(r.response_ids))::BIGINT AS tokens
    FROM rollouts AS r
    LEFT JOIN (SELECT DISTINCT checkpoint_id FROM checkpoints WHERE run = ?) AS c ON c.checkpoint_id = r.policy
    WHERE r.run = ? AND r.iteration <= ? AND r.purpose = 'collect'
    GROUP BY ALL ORDER BY policy"""
TRAINED = """
    SELECT (SELECT count(*) FROM examples WHERE run = ? AND iteration <= ?) AS examples,
        (SELECT coalesce(sum(tokens), 0)::BIGINT FROM checkpoints WHERE run = ? AND iteration BETWEEN 1 AND ?)
            AS tokens"""


def collected(lake: Lake, run: str, iteration: int) -> dict[str, tuple[int, int]]:
    """Policy → (responses, tokens of the responses) collected up to an iteration; every checkpoint of the run counts as
    `learner`, a teacher or the gold solutions by their own name."""
    found = lake.query(COLLECTED, [run, run, iteration]).to_pylist()
    return {row["policy"]: (row["responses"], row["tokens"] or 0) for row in found}


def trained(lake: Lake, run: str, iteration: int) -> tuple[int, int]:
    """(examples, tokens that fine-tuning went through over all epochs) up to an iteration, without the boost."""
    (row,) = lake.query(TRAINED, [run, iteration, run, iteration]).to_pylist()
    return row["examples"], row["tokens"]

"""The cost of a run's training: sampled responses, and examples and tokens trained on."""

from __future__ import annotations

from storage.lake import Lake

_COLLECTED = """
    SELECT CASE WHEN c.checkpoint_id IS NULL THEN r.policy ELSE 'learner' END AS policy,
        count(*) AS responses, sum(len(r.response_ids))::BIGINT AS tokens
    FROM rollouts AS r
    LEFT JOIN (SELECT DISTINCT checkpoint_id FROM checkpoints WHERE run = ?) AS c ON c.checkpoint_id = r.policy
    WHERE r.run = ? AND r.iteration <= ? AND r.purpose = 'collect'
    GROUP BY ALL ORDER BY policy"""
# Iteration 0 is the boost, which is no part of RISE's own training.
_TRAINED = """
    SELECT (SELECT count(*) FROM examples WHERE run = ? AND iteration <= ?) AS examples,
        (SELECT coalesce(sum(tokens), 0)::BIGINT FROM checkpoints WHERE run = ? AND iteration BETWEEN 1 AND ?)
            AS tokens"""


def count_responses(lake: Lake, run: str, iteration: int) -> dict[str, tuple[int, int]]:
    """Count the responses collected up to an iteration.

    Returns:
        Policy → (responses, tokens of the responses). All checkpoints of the run count as `learner`; a teacher and the
        gold solutions keep their names.
    """
    rows = lake.query(_COLLECTED, [run, run, iteration]).to_pylist()
    return {row["policy"]: (row["responses"], row["tokens"] or 0) for row in rows}


def count_training(lake: Lake, run: str, iteration: int) -> tuple[int, int]:
    """Count the examples and tokens of fine-tuning up to an iteration, without the boost.

    Returns:
        (examples, tokens over all epochs).
    """
    (row,) = lake.query(_TRAINED, [run, iteration, run, iteration]).to_pylist()
    return row["examples"], row["tokens"]

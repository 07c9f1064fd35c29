"""The rollouts of a run, packed for the page's browser: columns of responses, grouped into episodes.

An episode holds the responses to one problem, in one iteration, for one purpose. A page of limited size shows a sample
of problems, in the order of the MD5 of their ids: the same at every call, and a larger sample holds the smaller one.
Evaluation comes first. Collected responses get the rest, at least a fifth of the page.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from typing import Any

import pyarrow as pa

from rise_core.records import Purpose, Verdict
from storage.arrow import python_column
from storage.lake import Lake

SELECTED, _REPETITIVE, _CUT = 1, 2, 4  # flags of a response, as in rollouts.js

_COUNTS = """
    SELECT count(*) FILTER (purpose = 'collect') AS collected, count(*) FILTER (purpose != 'collect') AS evaluated
    FROM rollouts WHERE run = ?"""

_CHOSEN = """
    WITH episodes_of_run AS (
        SELECT iteration, purpose, split, problem_id, count(*) AS responses FROM rollouts WHERE run = $1 GROUP BY ALL
    ), counted AS (
        SELECT *, sum(responses) OVER (PARTITION BY purpose = 'collect'
            ORDER BY md5(problem_id), split, iteration, purpose ROWS UNBOUNDED PRECEDING) AS so_far
        FROM episodes_of_run
    ), chosen AS (
        SELECT * FROM counted WHERE so_far <= if(purpose = 'collect', $2, $3)
    )
    SELECT r.iteration, r.purpose, r.split, r.problem_id, r.turn, r.sample, r.response, r.answer, r.verdict, r.reward,
        r.selected, r.repetitive, r.finish_reason, r.policy, p.problem, p.answer AS gold
    FROM rollouts r SEMI JOIN chosen USING (iteration, purpose, split, problem_id)
    LEFT JOIN problems p ON p.run = r.run AND p.split = r.split AND p.problem_id = r.problem_id
    WHERE r.run = $1
    ORDER BY r.iteration DESC, list_position(['eval_sequential', 'eval_parallel', 'collect'], r.purpose),
        r.split, p.position, r.problem_id, r.turn, r.sample"""

_VERDICTS = [*(verdict.value for verdict in Verdict), "ungraded"]


def read_browser_data(lake: Lake, run: str, limit: int) -> dict[str, Any]:
    """Read the responses of a run as columns.

    Args:
        limit: Most responses to read.

    Returns:
        Number of responses of the run (`total`) and of the page (`shown`), each problem once, episodes and responses
        as columns.
    """
    (counts,) = lake.query(_COUNTS, [run]).to_pylist()
    evaluated, collected = divide(counts["evaluated"], counts["collected"], limit)
    rows = lake.query(_CHOSEN, [run, collected, evaluated])
    return {"total": counts["evaluated"] + counts["collected"], "shown": rows.num_rows, **_columns(rows)}


def divide(evaluated: int, collected: int, limit: int) -> tuple[int, int]:
    """Divide a page of `limit` responses between evaluation and collection.

    Args:
        evaluated: Responses of the run's evaluations.
        collected: Responses collected for training.

    Returns:
        Number of evaluated and of collected responses on the page.
    """
    training = min(collected, max(limit - evaluated, limit // 5))
    return min(evaluated, limit - training), training


def _columns(rows: pa.Table) -> dict[str, Any]:
    """Turn rows into columns; a problem, policy or verdict is an index into a list."""
    column = {name: python_column(rows[name]) for name in rows.column_names}
    problems: dict[tuple[str, str], dict[str, Any]] = {}
    policies: dict[str, int] = {}
    episodes: dict[tuple[int, str, str, str], list[Any]] = {}
    keys = zip(*(column[name] for name in ("iteration", "purpose", "split", "problem_id")), strict=True)
    # Rows are sorted by episode: an episode is an index range, from its start to the start of the next one.
    for start, episode in enumerate(keys):
        if episode in episodes:
            continue
        split, problem = episode[2:]
        entry = {"id": problem, "split": split, "text": column["problem"][start] or "", "gold": column["gold"][start]}
        number = problems.setdefault((split, problem), entry | {"number": len(problems)})["number"]
        episodes[episode] = [*episode[:2], number, start]
    return {
        "verdicts": _VERDICTS,
        "purposes": [purpose.value for purpose in Purpose],
        "problems": [{k: v for k, v in entry.items() if k != "number"} for entry in problems.values()],
        "episodes": [list(values) for values in zip(*episodes.values(), strict=True)] or [[], [], [], []],
        "turn": column["turn"],
        "sample": column["sample"],
        "text": column["response"],
        "answer": column["answer"],
        "verdict": [_VERDICTS.index(verdict or "ungraded") for verdict in column["verdict"]],
        # JSON has no NaN and no infinity.
        "reward": [None if reward is None or not math.isfinite(reward) else reward for reward in column["reward"]],
        "flags": [
            SELECTED * selected + _REPETITIVE * repetitive + _CUT * (reason == "length")
            for selected, repetitive, reason in zip(
                column["selected"], column["repetitive"], column["finish_reason"], strict=True
            )
        ],
        "policy": [policies.setdefault(policy, len(policies)) for policy in column["policy"]],
        "policies": list(policies),
    }


def pack(data: Any) -> str:
    """Encode data as gzipped JSON in base64: small, and free of characters special to HTML."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()

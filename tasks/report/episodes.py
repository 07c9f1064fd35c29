"""The rollouts of a run as the page's browser takes them: columns of responses, grouped into episodes.

An episode is what was sampled for one problem, in one iteration, for one purpose. A run with more responses than the
page is to hold is shown as a sample of problems, the same at every call (problems in the order of the MD5 of their id).
Evaluation comes first; collected episodes get what it leaves, and never less than a fifth.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from typing import Any

import pyarrow as pa

from rise.core.records import Purpose, Verdict
from rise.storage.arrow import python_column
from rise.storage.lake import Lake

COUNTS = """
    SELECT count(*) FILTER (purpose = 'collect') AS collected, count(*) FILTER (purpose != 'collect') AS evaluated
    FROM rollouts WHERE run = ?"""

CHOSEN = """
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

VERDICTS = [*(verdict.value for verdict in Verdict), "ungraded"]
SELECTED, REPETITIVE, CUT = 1, 2, 4  # flags of a response


def shares(evaluated: int, collected: int, most: int) -> tuple[int, int]:
    """How many evaluation responses and how many collected ones a page of `most` holds."""
    training = min(collected, max(most - evaluated, most // 5))
    return min(evaluated, most - training), training


def read_episodes(lake: Lake, run: str, most: int) -> dict[str, Any]:
    """The page's data: `total` and `shown` responses, problems once each, episodes and responses as columns."""
    (counts,) = lake.query(COUNTS, [run]).to_pylist()
    evaluated, collected = shares(counts["evaluated"], counts["collected"], most)
    found = lake.query(CHOSEN, [run, collected, evaluated])
    return {"total": counts["evaluated"] + counts["collected"], "shown": found.num_rows, **columns(found)}


def columns(found: pa.Table) -> dict[str, Any]:
    """Responses in their order, with a problem, a policy or a verdict named by its place in a list."""
    column = {name: python_column(found[name]) for name in found.column_names}
    problems: dict[tuple[str, str], dict[str, Any]] = {}
    policies: dict[str, int] = {}
    episodes: dict[tuple[int, str, str, str], list[Any]] = {}
    keys = zip(*(column[name] for name in ("iteration", "purpose", "split", "problem_id")), strict=True)
    for place, key in enumerate(keys):
        if key in episodes:
            continue
        split, problem = key[2:]
        entry = {"id": problem, "split": split, "text": column["problem"][place] or "", "gold": column["gold"][place]}
        number = problems.setdefault((split, problem), entry | {"number": len(problems)})["number"]
        episodes[key] = [*key[:2], number, place]
    return {
        "verdicts": VERDICTS,
        "purposes": [purpose.value for purpose in Purpose],
        "problems": [{k: v for k, v in entry.items() if k != "number"} for entry in problems.values()],
        "episodes": [list(values) for values in zip(*episodes.values(), strict=True)] or [[], [], [], []],
        "turn": column["turn"],
        "sample": column["sample"],
        "text": column["response"],
        "answer": column["answer"],
        "verdict": [VERDICTS.index(verdict or "ungraded") for verdict in column["verdict"]],
        "reward": [None if reward is None or not math.isfinite(reward) else reward for reward in column["reward"]],
        "flags": [
            SELECTED * selected + REPETITIVE * loops + CUT * (reason == "length")
            for selected, loops, reason in zip(
                column["selected"], column["repetitive"], column["finish_reason"], strict=True
            )
        ],
        "policy": [policies.setdefault(policy, len(policies)) for policy in column["policy"]],
        "policies": list(policies),
    }


def pack(value: Any) -> str:
    """JSON, gzipped, as base64: small, and without a character that HTML reads."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()

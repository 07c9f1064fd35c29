"""A run of the tiny profile with a teacher's second turn: the teacher's model, and checks of the finished run."""

from __future__ import annotations

import base64
import gzip
import re
from pathlib import Path
from typing import Any

import duckdb

from rise_core.config.load import load_config
from rise_core.method.dialogue import solution_ids
from rise_core.models import folder, scratch
from storage.schema import TABLES
from tests.flows.command import TINY, printed, query

TURNS = "collect.turns=[{policy: learner, n: 1}, {policy: teacher, n: 2}]"


def make_teacher(weights: Path) -> Path:
    """Write a teacher's model into the folder `weights`: the learner's words under other token ids."""
    words = " ".join(str(number) for number in range(30, 0, -1))
    scratch.build(load_config(TINY), [f"zebra zebra zebra {words} of of sum to which two ? no"], weights)
    return weights


def places_of(text: str, home: Path) -> list[str]:
    """Search a home for a text: in all files, in the lake's tables, and in the compressed data of the report."""
    files = [path for path in home.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
    places = [str(path.relative_to(home)) for path in files]
    with duckdb.connect() as session:
        session.execute(printed(home, "attach"))
        for table in TABLES:  # a row as text holds every column
            rows = session.execute(f"FROM {table} t WHERE contains(t::VARCHAR, ?)", [text]).fetchall()
            places.extend([f"table {table}"] if rows else [])
    packed = re.search(r'id="rollout-data">([^<]+)<', (home / "runs/taught/report.html").read_text())
    assert packed
    if text in gzip.decompress(base64.b64decode(packed[1])).decode():
        places.append("rollouts of the page")
    return places


def check_taught(home: Path, teacher: str) -> Any:
    """Check that the teacher's turns are stored in the learner's tokens, graded, selected and trained on.

    Args:
        teacher: The policy's name in the rollouts.

    Returns:
        The learner's tokenizer.
    """
    taught = query(home, "FROM rollouts WHERE purpose = 'collect' AND turn = 2 ORDER BY problem_id, sample")
    assert len(taught) == 32
    assert {row["policy"] for row in taught} == {teacher}
    assert all(row["verdict"] for row in taught)
    [weights] = query(home, "SELECT path FROM checkpoints WHERE iteration = 0")
    tokenizer = folder.load_tokenizer(home / weights["path"])
    for row in taught:
        ids = solution_ids(tokenizer, row["response"])
        assert row["response_ids"] == (ids if row["finish_reason"] == "stop" else ids[:-1])

    examples = query(home, "FROM examples WHERE turn = 2")
    kept = {(row["problem_id"], row["sample"]): row["response_ids"] for row in taught if row["selected"]}
    assert len(kept) > 8
    assert {(row["problem_id"], row["sample"]): row["response_ids"] for row in examples} == kept
    assert query(home, "SELECT max(iteration) k FROM metrics") == [{"k": 1}]
    return tokenizer

"""A run of the tiny profile whose second turn is a teacher's: the teacher, and what the run has to leave behind."""

from __future__ import annotations

import base64
import gzip
import re
from pathlib import Path
from typing import Any

import duckdb

from rise.core.config.load import load_config
from rise.core.method.dialogue import solution_ids
from rise.core.models import folder, scratch
from rise.storage.schema import TABLES
from tests.flows.command import TINY, finished, query

TURNS = "collect.turns=[{policy: learner, n: 1}, {policy: teacher, n: 2}]"


def make_teacher(weights: Path) -> Path:
    """A teacher that knows the learner's words under other numbers, in the folder `weights`."""
    words = " ".join(str(number) for number in range(30, 0, -1))
    scratch.build(load_config(TINY), [f"zebra zebra zebra {words} of of sum to which two ? no"], weights)
    return weights


def places_of(text: str, home: Path) -> list[str]:
    """Where a text stands in a home: files as they lie, and the two places that hold text compressed."""
    files = [path for path in home.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
    found = [str(path.relative_to(home)) for path in files]
    with duckdb.connect() as session:
        session.execute(finished(home, "attach"))
        for table in TABLES:  # a row as text holds every column of it
            rows = session.execute(f"FROM {table} t WHERE contains(t::VARCHAR, ?)", [text]).fetchall()
            found.extend([f"table {table}"] if rows else [])
    packed = re.search(r'id="rollout-data">([^<]+)<', (home / "runs/taught/report.html").read_text())
    assert packed
    if text in gzip.decompress(base64.b64decode(packed[1])).decode():
        found.append("rollouts of the page")
    return found


def check_taught(home: Path, teacher: str) -> Any:
    """What the teacher said stands in the learner's tokens, is graded, selected and trained on. The tokenizer."""
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

"""A page with 20,000 rollouts, for test_large.py and benchmarks/report_page.py."""

from __future__ import annotations

import random
from pathlib import Path

from rise_core.records import Problem
from storage import problem_rows, rollouts
from storage.lake import Lake
from tasks.report.page import write_page
from tests.storage.samples import rollout
from tests.tasks.report.conftest import new_lake
from tests.tasks.report.seeding import seed

PROBLEMS, TURNS = 4000, 5


def large_page(folder: Path, cache: Path, problems: int = PROBLEMS) -> Path:
    """Write the page of run r1 of `seeding`, with an evaluation of more problems on split large.

    The response to problem i at turn t is right if 3 divides i + t, and ends in "So it is <i times t>.".
    """
    with new_lake(folder) as lake:
        seed(lake)
        dice = random.Random(0)  # noqa: S311 (random numbers: text that gzip cannot compress away)
        add_problems(lake, problems, dice)
        for turn in range(1, TURNS + 1):
            add_turn(lake, turn, problems, dice)
        return write_page(lake, "r1", folder / "report.html", cache)


def words(dice: random.Random, count: int) -> str:
    return " ".join(f"step {dice.randrange(10_000)}" for _ in range(count))


def add_problems(lake: Lake, count: int, dice: random.Random) -> None:
    problems = [Problem(f"q{i}", "large", f"Problem {i}: {words(dice, 20)}", "42") for i in range(count)]
    lake.commit(
        lambda tx: tx.append("problems", problem_rows.to_arrow("r1", problems)), run="r1", iteration=1, stage="test"
    )


def add_turn(lake: Lake, turn: int, count: int, dice: random.Random) -> None:
    key = {"run": "r1", "iteration": 1, "purpose": "eval_sequential", "split": "large", "turn": turn, "shard": 9}
    responses = []
    for i in range(count):
        verdict = "correct" if (i + turn) % 3 == 0 else "wrong"
        text = f"{words(dice, 40)} So it is {i * turn}."
        responses.append(rollout(**key, problem_id=f"q{i}", verdict=verdict, response=text))
    rollouts.append(lake, responses)

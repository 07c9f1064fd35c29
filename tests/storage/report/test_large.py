"""A page with 20,000 rollouts. `pytest -s` prints its size and times."""

from __future__ import annotations

import random
from pathlib import Path

from rise_core.records import Problem
from storage.report import write_page
from storage.rollouts import append_rollouts
from storage.runs import problem_table
from tests.storage.report.conftest import Opener, new_lake, wait_status
from tests.storage.report.seeding import seed
from tests.storage.samples import rollout


def test_twenty_thousand_rollouts_filter_in_the_same_page(tmp_path: Path, cache: Path, opened: Opener) -> None:
    dice = random.Random(0)  # noqa: S311 (numbers in no order: text that gzip cannot fold away)

    def words(count: int) -> str:
        return " ".join(f"step {dice.randrange(10_000)}" for _ in range(count))

    with new_lake(tmp_path) as lake:
        seed(lake)
        count = 4000
        problems = [Problem(f"q{i}", "large", f"Problem {i}: {words(20)}", "42") for i in range(count)]
        lake.commit(
            lambda tx: tx.append("problems", problem_table("r1", problems)), run="r1", iteration=1, stage="test"
        )
        for turn in range(1, 6):
            place = {
                "run": "r1",
                "iteration": 1,
                "purpose": "eval_sequential",
                "split": "large",
                "turn": turn,
                "shard": 9,
            }
            verdicts = ["correct" if (i + turn) % 3 == 0 else "wrong" for i in range(count)]
            append_rollouts(
                lake,
                [
                    rollout(**place, problem_id=f"q{i}", verdict=verdict, response=f"{words(40)} So it is {i * turn}.")
                    for i, verdict in enumerate(verdicts)
                ],
            )
        file = write_page(lake, "r1", tmp_path / "report.html", cache)
    with opened(file) as page:
        assert page.inner_text("#status") == "4,036 of 4,036 episodes, 20,108 responses"
        assert page.locator("#list .row").count() < 60  # only what is in sight
        page.select_option("[name=split]", "large")
        page.select_option("[name=fixed]", "3")
        wait_status(page, "1,334")  # i = 0, 3, … 3999
        page.fill("[name=text]", "so it is 7998.")  # of 3999 at turn 2, and of no other that turn 3 fixed
        wait_status(page, "1")
        page.fill("[name=text]", "")
        wait_status(page, "1,334")
        page.focus("#list")
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        assert page.inner_text("#reader h3").strip() == "q3999"
        timings = page.evaluate("performance.getEntriesByName('rise-filter').map(e => Math.round(e.duration))")
        loading = page.evaluate("performance.getEntriesByType('navigation')[0].duration")
    print(f"page {file.stat().st_size / 1e6:.2f} MB, load {loading:.0f} ms, filters {timings} ms")

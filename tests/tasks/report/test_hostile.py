"""Hostile text of models and problems stays text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from storage import rollouts
from tasks.report.page import write_page
from tests.storage.samples import rollout
from tests.tasks.report.conftest import Opener, new_lake, wait_drawn, wait_status
from tests.tasks.report.seeding import evaluation, seed

HOSTILE = [
    "</script><script>alert('script')</script>",
    "</textarea></pre></article><img src=x onerror=alert('image')>",
    "<svg onload=alert('svg')></svg><iframe src='javascript:alert(1)'></iframe>",
    "<a href=\"javascript:alert('link')\" id=hostile-link>click</a>",
    "<!--<script>\u2028\u2029{{ 7 * 7 }} ${alert('template')} ]]>",
    "<style>body{display:none}</style><meta http-equiv=refresh content='0;url=https://example.org'>",
    "<form action=https://example.org><button>send</button></form><base href=https://example.org>",
    "\U0001f600 \u202eright to left\u202c " + "A" * 5000,
]
SHOWN = "document.querySelector('#reader .turn pre').textContent"


def test_nothing_in_a_response_or_a_problem_runs(tmp_path: Path, cache: Path, opened: Opener) -> None:
    with new_lake(tmp_path) as lake:
        seed(lake, text=lambda one: HOSTILE[int(one.problem_id[1:])], question=lambda i: HOSTILE[i])
        evaluation(lake, 1, ["cw", "wc"], split=HOSTILE[0])
        file = write_page(lake, "r1", tmp_path / "report.html", cache)
    with opened(file) as page:  # fails at a dialog, an error or a request
        page.select_option("[name=purpose]", "eval_sequential")
        page.select_option("[name=iteration]", "1")
        page.select_option("[name=split]", "eval")
        for index, text in enumerate(HOSTILE):
            page.click(f"#row-{index}")
            assert page.evaluate(SHOWN) == text
        assert (
            page.locator("main script, main img, iframe, #hostile-link, main style, main base, main form form").count()
            == 0
        )
        assert page.locator("h1").is_visible()
        page.select_option("#split", HOSTILE[0])
        wait_drawn(page, "light")
        assert page.title() == "r1 · RISE report"


def test_nothing_in_an_id_an_answer_or_a_name_runs_and_the_data_blocks_stay_whole(
    tmp_path: Path, cache: Path, opened: Opener
) -> None:
    """Texts beside the responses, written to break out of the page's blocks of data."""
    breaks = "</script>]]>-->'\"`\\\u2028<script>alert('data')</script>"
    with new_lake(tmp_path) as lake:
        seed(lake)
        for number, text in enumerate(HOSTILE[:6]):
            key = {"run": "r1", "iteration": 1, "purpose": "eval_sequential", "split": "hostile", "turn": 1}
            one = rollout(**key, problem_id=f"{number}{text}", response="r", answer=breaks, policy=text)
            rollouts.append(lake, [replace(one, shard=number)])
        file = write_page(lake, "r1", tmp_path / "report.html", cache)
    assert "alert('data')" not in file.read_text(encoding="utf-8")
    with opened(file) as page:
        page.select_option("[name=split]", "hostile")
        wait_status(page, "6")
        for index, text in enumerate(HOSTILE[:6]):
            page.click(f"#row-{index}")
            assert page.evaluate("document.querySelector('#reader h3').textContent").strip() == f"{index}{text}"
            assert breaks in page.evaluate("document.querySelector('#reader').textContent")
        injected = "main script, main img, iframe, main style, main svg[onload], a[href^='javascript:']"
        assert page.locator(injected).count() == 0
        assert page.evaluate("typeof JSON.parse(document.querySelector('#chart-data').textContent)") == "object"

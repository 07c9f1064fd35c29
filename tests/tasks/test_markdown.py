"""What the flow run's Markdown artifacts say, rendered as the UI renders it: text, never markup from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from rise.storage.lake import Lake
from rise.tasks.report.artifacts import report_markdown
from rise.tasks.run.progress import artifact_key
from tests.tasks.report.conftest import new_lake
from tests.tasks.report.seeding import seed

HOSTILE = "<img src=x onerror=alert(1)>|</td><script>alert(2)</script>\n# owned\r\n[x](javascript:alert(3))\u2028``` "


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = new_lake(tmp_path)
    seed(lake)
    for place in (f"stage={HOSTILE}", f"stage=evaluate purpose={HOSTILE}", f"stage=evaluate split={HOSTILE}"):
        lake.commit(
            lambda tx: tx.execute("INSERT INTO lake.main.evaluations VALUES ('r1', 's', 'c', now())"),
            run="r1",
            iteration=1,
            stage=place.removeprefix("stage="),
        )
    return lake


def test_a_hostile_path_and_hostile_commits_are_text(lake: Lake) -> None:
    page = Path(f"/home/{HOSTILE}/report.html")
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(report_markdown(lake, "r1", page))
    kinds = {token.type for token in tokens} | {child.type for token in tokens for child in token.children or []}
    assert kinds & {"html_block", "html_inline", "heading_open", "link_open", "image"} == set()
    (path,) = [token.content for token in tokens if token.type == "code_block"]
    assert path.count("\n") == 1
    assert "<script>alert(2)</script>\\n# owned\\x0d\\n" in path
    assert "table_open" in kinds


@pytest.mark.parametrize("run", ["r1", "R_1-x", "a" * 64])
def test_a_key_is_made_of_what_prefect_takes(run: str) -> None:
    key = artifact_key(run, "metrics")
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_runs_share_no_key() -> None:
    assert len({artifact_key(run, "plot") for run in ("a-b", "a_b", "A-b", "A_B")}) == 4

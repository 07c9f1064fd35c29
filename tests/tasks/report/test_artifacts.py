"""Artifacts of a flow run: Markdown as the UI renders it (text, never foreign markup), and the link to the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from storage.lake import Lake
from tasks.report.artifacts import page_link, report_markdown
from tests.tasks.report.conftest import new_lake
from tests.tasks.report.seeding import seed

HOSTILE = "<img src=x onerror=alert(1)>|</td><script>alert(2)</script>\n# owned\r\n[x](javascript:alert(3))\u2028``` "


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = new_lake(tmp_path)
    seed(lake)
    for note in (f"stage={HOSTILE}", f"stage=evaluate purpose={HOSTILE}", f"stage=evaluate split={HOSTILE}"):
        lake.commit(
            lambda tx: tx.execute("INSERT INTO lake.main.evaluations VALUES ('r1', 's', 'c', now())"),
            run="r1",
            iteration=1,
            stage=note.removeprefix("stage="),
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


def test_there_is_a_link_where_a_web_server_shows_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The link in a flow run's artifact is opened in tests/deployments/test_browser.py."""
    monkeypatch.delenv("RISE_REPORTS_URL", raising=False)
    assert page_link("whole") == ""
    for base in ("https://host/rise", "https://host/rise/"):
        monkeypatch.setenv("RISE_REPORTS_URL", base)
        assert page_link("whole") == "https://host/rise/runs/whole/report.html"

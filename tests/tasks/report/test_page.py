"""The page as a file; test_browser.py opens the page in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rise_core.errors import UserError
from storage import metric_rows
from storage.lake import Lake
from tasks.report.page import content_policy, json_block, write_page


def test_the_page_stands_alone(page_file: Path) -> None:
    page = page_file.read_text()
    assert not re.search(r"<(link|img|iframe|base|object)\b|\bsrc=|@import|url\(", page.split('id="chart-data"')[0])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe-eval" not in policy[1]
    assert not re.search(r"script-src[^;]*unsafe-inline", policy[1])


def test_every_number_has_its_interval(seeded: Lake, page_file: Path) -> None:
    """In the headlines, in the numbers of the figures and in the table of all metrics."""
    page = page_file.read_text()
    metrics = metric_rows.read(seeded, "r1")
    for _, metric in metrics:
        value, low, high = (f"{100 * part:.1f}" for part in (metric.value, metric.ci_low, metric.ci_high))
        assert f'{value} <span class="soft">[{low}, {high}]</span>' in page, metric.metric
    newest = {metric.metric: metric for k, metric in metrics if k == 1}
    for name, form in (("m1@t3", "{:.1f}"), ("gain_parallel", "{:+.1f}"), ("gain_turns", "{:+.1f}")):
        low, high = (form.format(100 * part) for part in (newest[name].ci_low, newest[name].ci_high))
        assert f"95% interval {low} to {high}</span>" in page, name
        assert f"<td>{low} to {high}</td>" in page, name


def test_a_second_writing_replaces_the_page_and_leaves_nothing_else(seeded: Lake, cache: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "report.html"
    for _ in range(2):
        assert write_page(seeded, "r1", out, cache) == out
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_what_cannot_be_written_is_one_line(seeded: Lake, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run 'nobody'"):
        write_page(seeded, "nobody", tmp_path / "report.html", cache)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--out"):
        write_page(seeded, "r1", tmp_path / "file" / "report.html", cache)


def test_json_in_the_page_cannot_end_its_element() -> None:
    text = str(json_block({"split": "</script><!--<script>&\u2028"}))
    assert not re.search("[<>&\u2028]", text)


def test_a_script_that_would_not_arrive_as_hashed_is_refused() -> None:
    with pytest.raises(ValueError, match="hashed"):
        content_policy(["var a = '</SCRIPT>'"])

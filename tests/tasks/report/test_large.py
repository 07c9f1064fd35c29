"""A page with 20,000 rollouts draws only the rows in sight, whatever the filters let through."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from tests.tasks.report.conftest import Opener, wait_status
from tests.tasks.report.large import large_page

MOST = 60  # rows: about three times what is in sight
# Counts the most rows in the list at any time, and the most rows of one drawing.
WATCH = """() => {
  const list = document.querySelector("#list");
  const count = (nodes) => [...nodes].filter((node) => node.className?.split(" ").includes("row")).length;
  const look = (changes) => {
    const drawn = changes.reduce((sum, change) => Math.max(sum, count(change.addedNodes)), 0);
    window.mostRows = Math.max(window.mostRows ?? 0, drawn, list.querySelectorAll(".row").length);
  };
  look([]);
  new MutationObserver(look).observe(list, { childList: true, subtree: true });
}"""


def most_rows(page: Page) -> int:
    """Most rows in the list since the last call."""
    count: int = page.evaluate("() => { const most = window.mostRows; window.mostRows = 0; return most; }")
    return count


def test_twenty_thousand_rollouts_filter_in_the_same_page(tmp_path: Path, cache: Path, opened: Opener) -> None:
    with opened(large_page(tmp_path, cache)) as page:
        assert page.inner_text("#status") == "4,036 of 4,036 episodes, 20,108 responses"
        page.evaluate(WATCH)
        assert 0 < most_rows(page) < MOST
        page.select_option("[name=split]", "large")
        wait_status(page, "4,000")
        assert 0 < most_rows(page) < MOST
        page.select_option("[name=fixed]", "3")
        wait_status(page, "1,334")  # i = 0, 3, … 3999
        assert 0 < most_rows(page) < MOST
        for text, count in (("so it is 7998.", "1"), ("STEP ", "1,334"), ("nowhere", "0"), ("", "1,334")):
            page.fill("[name=text]", text)  # 7998: problem 3999 at turn 2, no other problem fixed at turn 3
            wait_status(page, count)
            assert most_rows(page) < MOST, text
        page.focus("#list")
        for key in ("PageDown", "End", "Home", "End"):
            page.keyboard.press(key)
        page.evaluate("document.querySelector('#list').scrollTop = 40000")
        page.wait_for_selector("#row-650")
        page.keyboard.press("Enter")
        assert page.inner_text("#reader h3").strip() == "q3999"
        assert 0 < most_rows(page) < MOST

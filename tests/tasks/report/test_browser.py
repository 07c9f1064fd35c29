"""The page in headless Chromium, offline: clicks, keys and sights of a reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.tasks.report.conftest import Opener, wait_drawn, wait_status
from tests.tasks.report.seeding import LAST


def status(page: Page) -> str:
    """Number of episodes behind the filters."""
    return page.inner_text("#status").split(" of ")[0]


def problems(page: Page) -> list[str]:
    """Problems of the list in order; the list must be short enough to be in sight."""
    return [text.removeprefix("How much is problem ").rstrip("?") for text in page.locator(".what").all_inner_texts()]


def choose(page: Page, **filters: str) -> None:
    page.click("button[type=reset]")
    wait_status(page, "36")
    for name, value in filters.items():
        page.select_option(f"[name={name}]", value)


def test_charts_are_drawn_and_follow_the_theme(page_file: Path, opened: Opener) -> None:
    with opened(page_file, color_scheme="dark") as page:
        wait_drawn(page, "dark")
        assert page.locator("[data-chart]").count() == 9
        assert page.locator("[data-chart] svg").count() == 9
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        colours = (
            "[...document.querySelectorAll('[data-chart$=accuracy] svg [stroke]')].map(e => e.getAttribute('stroke'))"
        )
        dark, dark_lines = page.evaluate(ground), page.evaluate(colours)
        page.click("#theme")  # system to light
        wait_drawn(page, "light")
        assert page.evaluate(ground) == "rgb(255, 255, 255)" != dark
        assert page.evaluate(colours) != dark_lines
        page.reload()
        page.wait_for_selector("html[data-theme=light]")  # the choice is kept
        page.wait_for_selector("html[data-ready=yes]")
        page.emulate_media(color_scheme="light")
        page.click("#theme")
        page.wait_for_selector("html[data-theme=dark]")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_legible(page_file: Path, opened: Opener, theme: str) -> None:
    """Every text of page and charts has a contrast of at least 4.5 to 1 (WCAG AA)."""
    with opened(page_file, color_scheme=theme) as page:
        wait_drawn(page, theme)
        assert page.locator("[data-chart] svg text:visible").count() > 50
        page.click("#list .row >> nth=0")
        weak = page.evaluate((Path(__file__).parent / "contrast.js").read_text())
    assert weak == []


def test_nothing_is_wider_than_a_small_screen_or_cut_off_there(page_file: Path, opened: Opener) -> None:
    with opened(page_file, size=(380, 800)) as page:
        wait_drawn(page, "light")
        assert page.evaluate("document.documentElement.scrollWidth") == 380
        charts = page.evaluate((Path(__file__).parent / "boxes.js").read_text())["charts"]
        assert {name: chart["cut"] for name, chart in charts.items() if chart["cut"]} == {}
        page.click("#list .row >> nth=0")
        assert page.locator("#reader").is_visible()
        assert not page.locator("#list").is_visible()
        page.click("#reader button:has-text('Close')")
        assert page.locator("#list").is_visible()


def test_each_filter_shows_what_it_says(page_file: Path, opened: Opener) -> None:
    sequential = {"iteration": "1", "purpose": "eval_sequential"}
    with opened(page_file) as page:
        assert page.inner_text("#status") == "36 of 36 episodes, 108 responses"
        expected: list[tuple[dict[str, str], list[int]]] = [
            ({}, list(range(LAST + 1))),
            ({"fixed": "2"}, [2]),
            ({"fixed": "3"}, [0, 5]),
            ({"fixed": "any"}, [0, 2, 5]),
            ({"broken": "2"}, [1, 5]),
            ({"broken": "3"}, []),
            ({"verdict": "no_answer"}, [4]),
            ({"verdict": "error"}, [7]),
            ({"verdict": "correct", "turn": "1"}, [1, 3, 5, 7]),
            ({"verdict": "correct", "turn": "last"}, [0, 2, 3, 5, 7]),
            ({"fixed": "any", "broken": "any"}, [5]),
        ]
        for filters, indices in expected:
            choose(page, **sequential, **filters)
            assert (filters, problems(page)) == (filters, [str(i) for i in indices])
        choose(page, iteration="0")
        assert status(page) == "16"
        choose(page, split="train")
        assert status(page) == "4"
        choose(page, purpose="eval_parallel")
        assert status(page) == "16"
        choose(page, fixed="2", split="train")  # a revision is right where the first attempt was wrong
        assert status(page) == "4"
        choose(page)
        page.check("[name=selected]")
        assert status(page) == "4"


def test_search_looks_into_problems_and_responses(page_file: Path, opened: Opener) -> None:
    with opened(page_file) as page:
        for text, count in (("PROBLEM 3?", "4"), ("it is 42, of turn 3", "5"), ("p7", "4"), ("nowhere", "0")):
            page.fill("[name=text]", text)
            wait_status(page, count)
        assert "No episode passes" in page.inner_text("#list")


def test_an_episode_is_read_turn_by_turn(page_file: Path, opened: Opener) -> None:
    with opened(page_file) as page:
        choose(page, iteration="1", purpose="eval_sequential", broken="2", fixed="3")
        page.click("text=How much is problem 5?")
        reader = page.locator("#reader")
        assert reader.locator("h3").inner_text().strip() == "p5"
        assert reader.locator("h4").all_inner_texts() == ["Turn 1", "Turn 2 broken", "Turn 3 fixed"]
        assert reader.locator(".turn pre").all_inner_texts() == [
            *("It is 42, of turn 1", "It is 13, of turn 2", "It is 42, of turn 3")
        ]
        facts = reader.locator(".turn .facts").all_inner_texts()
        assert [("correct" in text, "13" in text, "reward 0" in text) for text in facts] == [
            *((True, False, False), (False, True, True), (True, False, False))
        ]
        assert "Gold answer 42" in reader.inner_text()
        assert "42 2 of 3" in " ".join(reader.locator(".vote").inner_text().split())
        reader.locator(".elsewhere button").first.click()  # the same problem at the base
        assert "iteration 0" in reader.inner_text()


def test_what_was_selected_is_marked_and_open(page_file: Path, opened: Opener) -> None:
    with opened(page_file) as page:
        choose(page, purpose="collect")
        page.click("#list .row >> nth=0")
        samples = page.locator("#reader .sample")
        assert samples.count() == 2
        assert "selected for training" in samples.nth(1).inner_text()
        assert [samples.nth(i).get_attribute("open") is not None for i in (0, 1)] == [False, True]
        assert "selected for training" not in samples.nth(0).inner_text()


def test_everything_works_by_keyboard(page_file: Path, opened: Opener) -> None:
    with opened(page_file) as page:
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.name") == "text"
        page.keyboard.type("problem 2?/jk")  # keys of the list are letters here
        assert page.input_value("[name=text]") == "problem 2?/jk"
        page.fill("[name=text]", "")
        page.select_option("[name=purpose]", "eval_sequential")
        for _ in range(30):  # by Tab through the filters to the list
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "list":
                break
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        for key in ("ArrowDown", "j", "j", "k", "End", "Home", "ArrowDown"):
            page.keyboard.press(key)
        assert page.locator("#list").get_attribute("aria-activedescendant") == "row-1"
        assert page.locator("#row-1").get_attribute("aria-selected") == "true"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "reader"
        assert "problem 1?" in page.inner_text("#reader .problem")
        page.keyboard.press("j")
        assert "problem 2?" in page.inner_text("#reader .problem")
        page.focus("#reader button >> text=Next")
        for _ in range(2):  # the button keeps the focus, though the episode is drawn anew
            page.keyboard.press("Enter")
        assert "problem 4?" in page.inner_text("#reader .problem")
        page.keyboard.press("k")
        assert "problem 3?" in page.inner_text("#reader .problem")
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.id") == "list"
        assert "Open an episode" in page.inner_text("#reader")


def test_a_link_opens_its_episode(page_file: Path, opened: Opener) -> None:
    with opened(page_file) as page:
        choose(page, iteration="1", purpose="eval_parallel")
        page.click("#list .row >> nth=3")
        link = page.evaluate("location.hash")
    with opened(page_file, link) as page:
        assert page.inner_text("#reader h3").strip() == "p3"
        assert "evaluation, parallel" in page.inner_text("#reader")

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from storage.lake import Lake
from storage.location import LakeLocation
from tasks.report.page import write_page
from tests.needs import chromium_path
from tests.tasks.report.seeding import seed

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
QUIET = (*QUIET, "--disable-component-update", "--disable-sync")
Opener = Callable[..., AbstractContextManager[Page]]


def new_lake(folder: Path) -> Lake:
    return Lake(LakeLocation(f"sqlite:{folder / 'catalog.sqlite'}", str(folder / "data")))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that keeps the chart library's bundle for all tests of this folder."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with new_lake(tmp_path_factory.mktemp("seeded")) as lake:
        seed(lake)
        yield lake


@pytest.fixture(scope="session")
def page_file(seeded: Lake, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(seeded, "r1", tmp_path_factory.mktemp("page") / "report.html", cache)


# Package scope: Playwright keeps an event loop in this thread, and asyncio refuses a second loop. The browser ends
# before tests of other folders need a loop.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One headless browser for all tests of this folder."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def tab(chromium: Browser) -> Tab:
    """One offline page of the browser for all tests."""
    page = chromium.new_context(offline=True).new_page()
    page.set_default_timeout(60_000)
    return Tab(page)


class Tab:
    """A page with a log of its requests and of its errors, console messages and dialogs."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.problems: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("dialog", lambda dialog: (self.problems.append(f"dialog {dialog.message}"), dialog.dismiss()))

    def open(self, url: str, **media: Any) -> None:
        """Load a file for a new reader: empty storage; a light theme unless `media` sets another."""
        if self.page.url.startswith("file:"):
            self.page.evaluate("localStorage.clear()")
        self.page.goto("about:blank")
        self.page.emulate_media(**({"color_scheme": "light", "reduced_motion": "no-preference"} | media))
        self.requests.clear()
        self.problems.clear()
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready=yes]")


@pytest.fixture
def opened(tab: Tab) -> Opener:
    """A function that opens a page offline, and checks at the end: no other request, no error, no dialog."""

    @contextmanager
    def open_page(file: Path, link: str = "", size: tuple[int, int] = (1360, 900), **media: Any) -> Iterator[Page]:
        tab.page.set_viewport_size({"width": size[0], "height": size[1]})
        tab.open(file.as_uri() + link, **media)
        yield tab.page
        assert [url for url in tab.requests if url.split("#")[0] != file.as_uri()] == []
        assert tab.problems == []

    return open_page


def wait_drawn(page: Page, theme: str) -> None:
    expect(page.locator(f"[data-chart]:visible:not([data-drawn={theme}])")).to_have_count(0, timeout=60_000)


def wait_status(page: Page, count: str) -> None:
    """Wait until the filters let `count` episodes through."""
    expect(page.locator("#status")).to_have_text(re.compile(f"^{count} of "), timeout=60_000)

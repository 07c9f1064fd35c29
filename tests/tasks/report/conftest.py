from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from rise.storage.lake import Lake
from rise.storage.location import LakeLocation
from rise.tasks.report.page import write_page
from tests.needs import chromium_path
from tests.tasks.report.seeding import seed

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
QUIET = (*QUIET, "--disable-component-update", "--disable-sync")
Opener = Callable[..., AbstractContextManager[Page]]


def new_lake(folder: Path) -> Lake:
    return Lake(LakeLocation(f"sqlite:{folder / 'catalog.sqlite'}", str(folder / "data")))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart library's bundle is made once for all of these tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with new_lake(tmp_path_factory.mktemp("seeded")) as lake:
        seed(lake)
        yield lake


@pytest.fixture(scope="session")
def page_file(seeded: Lake, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(seeded, "r1", tmp_path_factory.mktemp("page") / "report.html", cache)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Browser) -> Opener:
    """Opens a page offline. It may ask for nothing but itself and fail in nothing."""

    @contextmanager
    def open_page(file: Path, link: str = "", **options: Any) -> Iterator[Page]:
        context = chromium.new_context(offline=True, **({"viewport": {"width": 1360, "height": 900}} | options))
        context.set_default_timeout(60_000)
        page = context.new_page()
        requests: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.on("dialog", lambda dialog: (problems.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.goto(file.as_uri() + link)
        page.wait_for_selector("html[data-ready=yes]")
        yield page
        assert [url for url in requests if url.split("#")[0] != file.as_uri()] == []
        assert problems == []
        context.close()

    return open_page


def wait_drawn(page: Page, theme: str) -> None:
    expect(page.locator(f"[data-chart]:visible:not([data-drawn={theme}])")).to_have_count(0, timeout=60_000)


def wait_status(page: Page, count: str) -> None:
    """Until the filters let through `count` episodes."""
    expect(page.locator("#status")).to_have_text(re.compile(f"^{count} of "), timeout=60_000)

"""Prefect's UI in headless Chromium, as a new user: from the run form to the artifacts of a finished run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from httpx import codes
from playwright.sync_api import Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PageTimeout

from tests.deployments.served import PATIENCE, Served
from tests.flows.command import query
from tests.needs import chromium_path

pytestmark = pytest.mark.browser

# A small demo with a verifier of the user's own: the worker's flow run and graders import it from their folder.
SMALL = (
    "model.scratch={hidden_size: 32, intermediate_size: 64, layers: 1, heads: 1}",
    "problems.train_size=24",
    "problems.eval_size=12",
    "boost.problems=300",
    "collect={problems: 16, shard_size: 8}",
    "select={criterion: all, first_turn: {correct: 1.0, wrong: 1.0}}",  # else no response is selected for training
    "train.optim.epochs=2",
    "eval={turns: 2, samples: 2, bootstrap: 200}",
    "engine={replicas: 1, max_num_seqs: 64, kv_cache_gib: 0.1}",
    "verify.verifier=tests.rise_core.verifiers.own_rules:whole_text",
)
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")


@pytest.fixture
def page(served: Served) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=QUIET)
        context = browser.new_context(base_url=served.url, viewport={"width": 1360, "height": 1100})
        context.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield context.new_page()
        browser.close()


def parameter(page: Page, name: str) -> Locator:
    """Part of the form for one parameter."""
    label = page.locator(".schema-form-property__label", has_text=re.compile(rf"^{name}( \(Optional\))?$"))
    return page.locator(".schema-form-property").filter(has=label)


def test_a_run_started_in_the_form_completes_and_shows_its_results(served: Served, page: Page, tmp_path: Path) -> None:
    def shot(name: str) -> None:
        page.wait_for_timeout(1000)  # animations end
        page.screenshot(path=tmp_path / f"{name}.png")

    page.goto("/deployments")
    page.get_by_role("link", name="iterate").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    expect(parameter(page, "profile").locator(".p-select-button__value")).to_have_text("demo")
    parameter(page, "profile").locator(".p-select-button__control").focus()
    page.keyboard.press("Space")  # a programmed click opens Prefect's drop-downs and closes them again
    expect(page.get_by_role("option", name="mistral-7b-math")).to_be_visible()
    shot("1-profiles")
    page.keyboard.press("Escape")

    run, overrides = parameter(page, "run").locator("textarea"), parameter(page, "overrides")
    run.fill("not a name")
    for number, override in enumerate(SMALL):
        overrides.get_by_role("button", name="Add item").click()
        overrides.locator("textarea").nth(number).fill(override)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("does not match").first).to_be_visible()
    shot("2-refused")
    run.fill("clicked")
    shot("3-form")
    submit(page)

    served.until(lambda: bool(clicked(served)), "the flow run")
    page.goto("/runs")
    page.get_by_role("link", name=re.compile("^clicked")).first.click(timeout=1000 * PATIENCE)
    state = served.ended(clicked(served)[0])
    assert state["type"] == "COMPLETED", state["message"]
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible()  # without a reload
    for words in ("clicked to iteration 1", "rise", "demo"):
        expect(page.get_by_text(words, exact=True).first).to_be_visible()
    shot("4-completed")
    page.get_by_text("Artifacts", exact=True).first.click()
    for name in ("progress-collect", "progress-training", "progress-evaluation", "metrics", "plot", "report", "page"):
        expect(page.get_by_text(f"rise-clicked-{name}").first).to_be_visible()
    shot("5-artifacts")

    newest(page, "metrics")
    expect(page.get_by_text("gain_turns").first).to_be_visible()
    shot("6-metrics")
    newest(page, "plot")
    assert page.locator("article img").evaluate("image => image.naturalWidth") > 300
    shot("7-plot")
    newest(page, "report")
    expect(page.get_by_text(str(served.home / "runs/clicked/report.html"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"^Version \d+ of the lake"))).to_be_visible()
    expect(page.locator("article table").get_by_text("fine-tune")).to_be_visible()
    shot("8-report")
    newest(page, "page")
    shot("9-link")
    with page.context.expect_page() as opening:
        page.locator("article").get_by_role("link", name="Page of run clicked").click()
    report = opening.value
    expect(report).to_have_title("clicked · RISE report")
    expect(report.locator("html[data-ready=yes] [data-chart] svg").first).to_be_visible()  # its scripts may run
    report.screenshot(path=tmp_path / "10-page.png")
    assert report.url == linked(served)
    assert httpx.get(report.url).content == (served.home / "runs/clicked/report.html").read_bytes()
    for other in ("runs/clicked/lock", "lake/catalog.sqlite", "server/prefect.db"):
        assert (served.home / other).is_file()
        assert httpx.get(f"{served.pages}/{other}").status_code == codes.NOT_FOUND

    own = query(served.home, "SELECT DISTINCT answer[:4] AS own FROM rollouts WHERE run = 'clicked'")
    assert own == [{"own": "own "}]
    iterations = query(served.home, "SELECT DISTINCT iteration FROM metrics WHERE run = 'clicked' ORDER BY 1")
    assert iterations == [{"iteration": 0}, {"iteration": 1}]


def submit(page: Page) -> None:
    """Send the form until the page of the new run appears; a busy server may refuse at first."""
    refused: list[str] = []
    page.on("response", lambda r: refused.append(f"{r.status} {r.url}") if r.status >= codes.BAD_REQUEST else None)
    for _ in range(5):
        page.get_by_role("button", name="Submit").click()
        try:
            page.wait_for_url(lambda url: not urlsplit(url).path.endswith("/run"))
        except PageTimeout:
            continue
        return
    raise AssertionError(f"the form was not taken: {refused}\n{page.locator('body').inner_text()}")


def clicked(served: Served) -> list[str]:
    """Ids of the flow runs started by the form."""
    return [run["id"] for run in served.flow_runs() if run["parameters"]["run"] == "clicked"]


def linked(served: Served) -> str:
    """Target of the newest link artifact."""
    filters = {"artifacts": {"key": {"any_": ["rise-clicked-page"]}}}
    (artifact,) = served.ask("POST", "/artifacts/latest/filter", filters)
    link = re.fullmatch(r"\[.*\]\((.*)\)", artifact["data"])
    assert link, artifact["data"]
    return link[1]


def newest(page: Page, name: str) -> None:
    """Open the newest artifact of a key, from the key's history."""
    page.goto(f"/artifacts/key/rise-clicked-{name}")
    history = page.locator("a[href*='/artifacts/artifact/']")
    expect(history).to_have_count(2)  # one for each iteration
    history.first.click()
    expect(page.get_by_text("Show raw data").or_(page.locator("table")).first).to_be_visible()

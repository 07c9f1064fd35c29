"""The report's page with 20,000 responses in headless Chromium: how long a reader waits for it, a filter, a search.

    .venv/bin/python benchmarks/report_page.py > report_page.md    # a minute; needs Chromium (deployments/browser.sh)
    .venv/bin/python benchmarks/report_page.py --smoke             # 2,000 responses, once

Medians over the repeats, all in one browser, offline; every repeat opens the page anew, from a file that has been read
before. Open: until the list of episodes can be used. A filter or a search: from the choice, or the last letter, until
the list is drawn anew; a search waits 0.12 s for another letter. The first search of a page also makes the lower-case
text that all search in. Between two measurements the filters are reset.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import in_turns, machine, parser, table
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.append(str(Path(__file__).resolve().parents[1]))  # for the tests' pages
from tests.tasks.report.conftest import QUIET, wait_drawn
from tests.tasks.report.large import PROBLEMS, large_page

FILTERS: dict[str, dict[str, str]] = {
    "filter: split `large`": {"split": "large"},
    "filter: wrong at the last turn": {"verdict": "wrong", "turn": "last"},
    "filter: fixed at turn 3": {"fixed": "3"},
}
FIRST = "search for a response's last words, the first of the page"
SEARCHES: dict[str, dict[str, str]] = {
    FIRST: {"text": "so it is 798."},
    "the same, later": {"text": "so it is 798."},
    "search for a word of every response": {"text": "step"},
    "search for what is nowhere": {"text": "nowhere"},
}
# In the page: sets fields of the filters (none: resets them), waits for the next drawing, tells the seconds it took.
CHOOSE = """async (fields) => {
  const form = document.getElementById("filters"), begun = performance.now();
  for (const [name, value] of Object.entries(fields)) form.elements[name].value = value;
  if ("text" in fields) form.elements.text.dispatchEvent(new Event("input", { bubbles: true }));
  else if (Object.keys(fields).length) form.elements.split.dispatchEvent(new Event("change", { bubbles: true }));
  else form.reset();
  const filtered = () => performance.getEntriesByName("rise-filter").some((entry) => entry.startTime >= begun);
  while (!filtered()) await new Promise((next) => setTimeout(next));
  await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
  return (performance.now() - begun) / 1000;
}"""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--smoke", action="store_true", help="2,000 responses, one repeat")
    options.add_argument("--repeats", type=int, default=5)
    arguments = options.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("there is no command chromium: run deployments/browser.sh")
    print(machine("playwright") + "\n")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        file = large_page(Path(folder), Path(folder) / "cache", PROBLEMS // 10 if arguments.smoke else PROBLEMS)
        print(measure(browser, file, 1 if arguments.smoke else arguments.repeats))
        browser.close()


def measure(browser: Browser, file: Path, repeats: int) -> str:
    reader = Reader(browser, file)
    choices = SEARCHES | FILTERS  # searches first: one of them is to be the page's first
    ways: dict[str, Callable[[], float]] = {"open": reader.open}
    for name, fields in choices.items():
        ways[name] = lambda name=name, fields=fields: reader.choose(name, fields)  # type: ignore[misc]
    reader.open()
    seconds = in_turns(ways, repeats)
    rows = [[name, reader.counts[name], f"{seconds[name]:.3f}"] for name in ("open", *FILTERS, *SEARCHES)]
    about = f"{reader.responses}: {file.stat().st_size / 1e6:.2f} MB; Chromium {browser.version}, {repeats} repeat(s)."
    return f"A page of {about}\n\n" + table(["a reader's wait", "episodes found", "seconds"], rows)


class Reader:
    """Somebody with the page open, who opens it anew at times."""

    def __init__(self, browser: Browser, file: Path) -> None:
        self.browser, self.file = browser, file
        self.page: Page | None = None
        self.counts: dict[str, str] = {}  # what is measured -> the number of episodes that it shows
        self.responses = ""

    def open(self) -> float:
        """Seconds until the page answers."""
        if self.page is not None:
            self.page.context.close()
        context = self.browser.new_context(offline=True, viewport={"width": 1360, "height": 900})
        self.page = context.new_page()
        begun = time.perf_counter()
        self.page.goto(self.file.as_uri(), wait_until="commit")
        self.page.wait_for_selector("html[data-ready=yes]")
        seconds = time.perf_counter() - begun
        wait_drawn(self.page, "light")  # the charts, which come after; what follows is measured at rest
        self.counts["open"], self.responses = self.status().split(" of ")[0], self.status().split(", ")[-1]
        return seconds

    def choose(self, name: str, fields: dict[str, str]) -> float:
        """Seconds until the list shows what the fields let through."""
        assert self.page is not None
        self.page.evaluate(CHOOSE, {})
        seconds: float = self.page.evaluate(CHOOSE, fields)
        self.counts[name] = self.status().split(" of ")[0]
        return seconds

    def status(self) -> str:
        assert self.page is not None
        return self.page.inner_text("#status")


if __name__ == "__main__":
    main()

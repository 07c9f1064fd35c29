"""The page as a reader sees it: its pictures in light and in dark, and what is drawn in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.storage.report.conftest import Opener, wait_drawn, wait_status

# Where each chart has its marks: inside of its axes and legends, which have colours of their own.
PLOTS = """() => Object.fromEntries([...document.querySelectorAll("[data-chart]")].map((place) => {
  const box = place.querySelector("svg .background").getBoundingClientRect();
  return [place.dataset.chart, [box.left + scrollX, box.top + scrollY, box.right + scrollX, box.bottom + scrollY]];
}))"""


COLOURFUL, ENOUGH = 30, 100  # channels that differ by so much are no ink or ground; pixels of a mark


def coloured(picture: Image.Image) -> int:
    """Pixels that are neither grey nor close to it, as inks, grounds and rules are in both themes."""
    found = picture.getcolors(picture.width * picture.height) or []
    return sum(count for count, rgb in found if max(rgb) - min(rgb) > COLOURFUL)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_chart_is_drawn_where_the_page_shows_it(
    page_file: Path, opened: Opener, tmp_path: Path, theme: str
) -> None:
    file = tmp_path / f"{theme}.png"
    with opened(page_file, color_scheme=theme, reduced_motion="reduce") as page:
        wait_drawn(page, theme)
        page.select_option("[name=purpose]", "eval_sequential")
        wait_status(page, "16")
        page.click("#list .row >> nth=5")
        page.screenshot(path=file, full_page=True)
        plots = page.evaluate(PLOTS)
    picture = Image.open(file).convert("RGB")
    drawn = {name: coloured(picture.crop(box)) for name, box in plots.items()}
    assert len(drawn) >= 9
    assert {name: count for name, count in drawn.items() if count < ENOUGH} == {}
    _, ground = max(picture.getcolors(picture.width * picture.height) or [], key=lambda found: found[0])
    assert (min(ground) > 200) == (theme == "light"), "the ground is the theme's"

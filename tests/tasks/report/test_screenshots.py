"""Pictures of the page in light and in dark; `pytest --basetemp=FOLDER` keeps the files."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.tasks.report.conftest import Opener, wait_drawn, wait_status

GROUNDS = {"light": (255, 255, 255), "dark": (13, 17, 23)}
BOXES = (Path(__file__).parent / "boxes.js").read_text()
Colours = dict[tuple[int, int, int], int]


def colours(picture: Image.Image, box: list[float]) -> Colours:
    """Count the pixels of each colour within a box."""
    left, top, right, bottom = map(round, box)
    part = picture.crop((left, top, right, bottom))
    return {rgb: count for count, rgb in part.getcolors(part.width * part.height) or []}


def coloured(pixels: Colours) -> int:
    """Count the pixels of marks; ground, grid and text are nearly grey."""
    return sum(count for rgb, count in pixels.items() if max(rgb) - min(rgb) > 40)


def written(pixels: Colours) -> int:
    """Count the pixels of text: colours far from the ground, the most frequent colour."""
    ground = max(pixels, key=lambda rgb: pixels[rgb])
    return sum(count for rgb, count in pixels.items() if abs(rgb[0] - ground[0]) > 100)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_chart_and_the_open_episode_are_in_the_picture(
    page_file: Path, opened: Opener, tmp_path: Path, theme: str
) -> None:
    file = tmp_path / f"{theme}.png"
    with opened(page_file, color_scheme=theme, reduced_motion="reduce") as page:
        wait_drawn(page, theme)
        page.select_option("[name=purpose]", "eval_sequential")
        wait_status(page, "16")
        page.click("#list .row >> nth=5")
        page.evaluate("scrollTo(0, 0)")  # the page's heading stays in sight: further down it would cover a chart
        page.screenshot(path=file, full_page=True)
        boxes = page.evaluate(BOXES)
    picture = Image.open(file).convert("RGB")
    assert picture.getpixel((2, picture.height // 2)) == GROUNDS[theme]
    assert len(boxes["charts"]) == 9
    for name, chart in boxes["charts"].items():
        assert len(colours(picture, chart["whole"])) > 20, f"{name} is empty"
        assert coloured(colours(picture, chart["marks"])) > 500, f"{name} has axes and no marks"
        assert chart["cut"] == [], name
    assert len(boxes["turns"]) == 3
    for turn in boxes["turns"]:
        assert written(colours(picture, turn)) > 100, "a response is not to be seen"

"""The main plot as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import vl_convert

from rise_core.errors import UserError
from storage.lake import Lake
from tasks.report import theme
from tasks.report.picture import write_plot


def test_the_plot_is_a_picture_that_knows_the_dark(seeded: Lake, tmp_path: Path) -> None:
    svg = write_plot(seeded, "r1", tmp_path / "plot.svg").read_text()
    assert vl_convert.svg_to_png(svg).startswith(b"\x89PNG")  # still a well-formed picture
    assert "m1@t3: vote over the turns" in svg
    style = svg[svg.index("<style>") : svg.index("</style>")]
    assert "prefers-color-scheme: dark" in style
    for light, dark in ((theme.LIGHT["ground"], theme.DARK["ground"]), (theme.LIGHT["soft"], theme.DARK["soft"])):
        assert f'[fill="{light}"]{{fill:{dark}}}' in style
    png = write_plot(seeded, "r1", tmp_path / "plot.png").read_bytes()
    assert png.startswith(b"\x89PNG")


def test_what_cannot_be_plotted_is_said(seeded: Lake, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.svg or a \.png"):
        write_plot(seeded, "r1", tmp_path / "plot.gif")
    with pytest.raises(UserError, match="no metrics"):
        write_plot(seeded, "nobody", tmp_path / "plot.svg")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--plot"):
        write_plot(seeded, "r1", tmp_path / "file" / "plot.png")

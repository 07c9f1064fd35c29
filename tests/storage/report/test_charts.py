"""Charts compile without a warning in the library that draws them, and show the numbers of the lake."""

from __future__ import annotations

from pathlib import Path

import pytest
import vl_convert

from rise_core.errors import UserError
from storage.lake import Lake
from storage.report import theme, write_plot
from storage.report.figures import Figure, result_figures, time_figures, training_figures


@pytest.fixture(scope="session")
def figures(seeded: Lake) -> dict[str, Figure]:
    found = [*result_figures(seeded, "r1")["eval"], *training_figures(seeded, "r1"), *time_figures(seeded, "r1")]
    return {figure.name: figure for figure in found}


def test_there_is_a_figure_for_each_question(figures: dict[str, Figure]) -> None:
    expected = ["accuracy", "compared", "gains", "flows", "boost", "loss", "rewards", "weights", "times"]
    assert list(figures) == expected


def test_every_chart_draws_without_a_warning_in_light_and_dark(
    figures: dict[str, Figure], capfd: pytest.CaptureFixture[str]
) -> None:
    for figure in figures.values():
        for dark in (False, True):
            drawn = vl_convert.vegalite_to_svg(figure.spec, config=theme.config(dark), show_warnings=True)
            assert "<path" in drawn
    assert "WARN" not in capfd.readouterr().err


def test_the_tables_hold_what_the_charts_show(figures: dict[str, Figure]) -> None:
    assert ["1", "1", "50.0"] in [row[:3] for row in figures["accuracy"].numbers]
    assert ["1", "m1@t3: vote over the turns"] in [row[:2] for row in figures["compared"].numbers]
    assert figures["weights"].numbers == [["1", "1", "1"], ["1", "12.5", "3"]]
    assert figures["loss"].numbers == [["1", "3", "9.0000", "7.0000"]]


@pytest.mark.parametrize(
    ("name", "pattern", "form"),
    [
        ("accuracy", r"acc@t\d+", "{:.1f} to {:.1f}"),
        ("compared", r"m\d+@t\d+", "{:.1f} to {:.1f}"),
        ("gains", "gain_(parallel|turns)", "{:+.1f} to {:+.1f}"),
    ],
)
def test_intervals_are_drawn_and_written_as_the_lake_has_them(
    figures: dict[str, Figure], seeded: Lake, name: str, pattern: str, form: str
) -> None:
    sql = "SELECT 100 * ci_low AS low, 100 * ci_high AS high FROM metrics WHERE run = 'r1' AND split = 'eval' AND n > 0"
    stored = seeded.query(f"{sql} AND regexp_full_match(metric, ?)", [pattern]).to_pylist()
    assert any(row["low"] < row["high"] for row in stored)

    shown = figures[name]
    column = shown.headings.index("95% interval")
    assert sorted(row[column] for row in shown.numbers) == sorted(form.format(r["low"], r["high"]) for r in stored)
    encoded = [(layer["encoding"].get("y", {}).get("field"), layer["encoding"].get("y2", {}).get("field"))
               for layer in shown.spec["layer"]]  # fmt: skip
    assert ("low", "high") in encoded


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

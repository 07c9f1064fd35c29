"""Charts compile without a warning of the drawing library, and show the numbers of the lake."""

from __future__ import annotations

import re

import pytest
import vl_convert

from storage import metric_rows
from storage.lake import Lake
from tasks.report import charts, theme
from tasks.report.captions import Figure, result_figures, time_figures, training_figures


@pytest.fixture(scope="session")
def figures(seeded: Lake) -> dict[str, Figure]:
    figures = [*result_figures(seeded, "r1")["eval"], *training_figures(seeded, "r1"), *time_figures(seeded, "r1")]
    return {figure.name: figure for figure in figures}


def test_there_is_a_figure_for_each_question(figures: dict[str, Figure]) -> None:
    expected = ["accuracy", "compared", "gains", "flows", "boost", "loss", "rewards", "weights", "times"]
    assert list(figures) == expected


def test_every_chart_draws_without_a_warning_in_light_and_dark(
    figures: dict[str, Figure], capfd: pytest.CaptureFixture[str]
) -> None:
    for figure in figures.values():
        for dark in (False, True):
            drawn = vl_convert.vegalite_to_svg(figure.spec, config=theme.vega_config(dark), show_warnings=True)
            assert "<path" in drawn
    assert "WARN" not in capfd.readouterr().err


def test_the_tables_hold_what_the_charts_show(figures: dict[str, Figure]) -> None:
    assert ["1", "1", "50.0"] in [row[:3] for row in figures["accuracy"].numbers]
    assert ["1", "m1@t3: vote over the turns"] in [row[:2] for row in figures["compared"].numbers]
    assert figures["weights"].numbers == [["1", "1", "1"], ["1", "12.5", "3"]]
    assert figures["loss"].numbers == [["1", "3", "9.0000", "7.0000"]]


def test_the_intervals_in_the_tables_are_those_of_the_metrics(seeded: Lake, figures: dict[str, Figure]) -> None:
    metrics = {(k, metric.metric): metric for k, metric in metric_rows.read(seeded, "r1")}
    spread = 0
    for name, count in (("accuracy", 6), ("compared", 6), ("gains", 4), ("flows", 8)):
        rows = [dict(zip(figures[name].headings, numbers, strict=True)) for numbers in figures[name].numbers]
        assert len(rows) == count, name
        for row in rows:
            metric = metrics[int(row["iteration"]), metric_of(row)]
            form = "{:+.1f} to {:+.1f}" if name == "gains" else "{:.1f} to {:.1f}"
            assert row["95% interval"] == form.format(100 * metric.ci_low, 100 * metric.ci_high), (name, row)
            assert row["n"] == str(metric.n)
            spread += metric.ci_low < metric.value < metric.ci_high
    assert spread >= 10, "the seeded run has intervals that are wider than a point"


def metric_of(row: dict[str, str]) -> str:
    """Name in table `metrics` of a row of numbers."""
    if "turn" in row:
        return f"{row.get('change', 'acc')}@t{row['turn']}"
    return row.get("gain") or row["metric"].split(":")[0]


@pytest.mark.parametrize(("name", "mark"), [("accuracy", "area"), ("compared", "area"), ("gains", "rule")])
def test_the_intervals_are_drawn_from_low_to_high(
    seeded: Lake, figures: dict[str, Figure], name: str, mark: str
) -> None:
    spec = figures[name].spec
    layers = [layer for layer in spec["layer"] if layer["encoding"].get("y2")]
    assert [(one["mark"]["type"], one["encoding"]["y"]["field"], one["encoding"]["y2"]["field"]) for one in layers] == [
        (mark, "low", "high")
    ]
    source = layers[0].get("data") or spec["data"]
    metrics = {(k, metric.metric): metric for k, metric in metric_rows.read(seeded, "r1")}
    for row in source.get("values") or spec["datasets"][source["name"]]:
        metric = metrics[row["iteration"], row.get("metric") or f"acc@t{row['turn']}"]
        assert (row["low"], row["high"]) == pytest.approx((100 * metric.ci_low, 100 * metric.ci_high))
    drawn = vl_convert.vegalite_to_svg(spec, config=theme.vega_config(dark=False))
    assert f'aria-roledescription="{mark} mark"' in drawn


def test_what_a_pointer_shows_has_the_interval(figures: dict[str, Figure]) -> None:
    for name in ("accuracy", "compared", "gains", "flows"):
        encodings = [layer["encoding"].get("tooltip", []) for layer in figures[name].spec["layer"]]
        shown = [{tip["field"] for tip in tooltip} for tooltip in encodings]
        assert any({"value", "low", "high", "n"} <= fields for fields in shown), name


@pytest.mark.parametrize("dark", [False, True])
def test_marks_and_texts_stand_out_from_their_ground(dark: bool) -> None:
    """By WCAG 2.1: 4.5 to 1 for texts, 3 to 1 for marks, even for the oldest of ten iterations."""
    colours = theme.DARK if dark else theme.LIGHT
    ground = light(colours["ground"])
    for name in ("ink", "soft"):
        assert contrast(light(colours[name]), ground) >= 4.5, name
    rows = [
        {"iteration": k, "turn": turn, "value": 10.0 * k, "low": 10.0 * k, "high": 10.0 * k + 5, "n": 9}
        for k in range(10)
        for turn in (1, 2)
    ]
    drawn = vl_convert.vegalite_to_svg(
        charts.accuracy(rows).properties(width=300).to_dict(), config=theme.vega_config(dark)
    )
    lines = set(re.findall(r'aria-roledescription="line mark"[^>]*stroke="([^"]+)"', drawn))
    assert len(lines) == 10
    categories = theme.DARK_CATEGORIES if dark else theme.LIGHT_CATEGORIES
    for colour in (*categories, *lines):
        assert contrast(light(colour), ground) >= 3, colour


def light(colour: str) -> float:
    """Relative luminance of "#rrggbb" or "rgb(r, g, b)"."""
    parts = re.findall("[0-9a-f]{2}", colour[1:]) if colour.startswith("#") else re.findall(r"\d+", colour)
    shares = [int(part, 16 if colour.startswith("#") else 10) / 255 for part in parts[:3]]
    r, g, b = (v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in shares)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: float, b: float) -> float:
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def test_axes_of_counts_show_whole_numbers(figures: dict[str, Figure]) -> None:
    """Three steps, three examples: no number twice, no half of an example."""
    for name, title, expected in (("loss", "optimiser step", "1 2 3"), ("rewards", "examples", "0 1 2 3")):
        drawn = vl_convert.vegalite_to_svg(figures[name].spec, config=theme.vega_config(dark=False))
        axis = drawn[drawn.rindex('role-axis"', 0, drawn.index(f">{title}<")) : drawn.index(f">{title}<")]
        assert re.findall(r">([^<>]+)</text>", axis) == expected.split(), name

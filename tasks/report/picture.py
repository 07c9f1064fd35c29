"""The main plot as a file: accuracy by turn, beside turns against parallel samples by iteration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from rise_core.atomic import atomic_file, check_writes
from rise_core.errors import UserError
from rise_core.records import EVAL_SPLIT
from storage.lake import Lake
from tasks.report import chart_rows, charts, theme

_FORMATS = (".svg", ".png")
_PAINT = re.compile(r'(fill|stroke)="([^"]*)"')
_WIDTH, _HEIGHT = 300, 210  # pixels of each chart
# Known to the renderer and to every browser, so that measured and shown text have the same width.
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


def write_plot(lake: Lake, run: str, out: Path) -> Path:
    """Write the main plot of a run as SVG (with a dark variant) or PNG.

    Args:
        out: A file name that ends in .svg or .png.

    Returns:
        The absolute path.

    Raises:
        UserError: The ending is another one, the run has no metrics, or the file cannot be written.
    """
    if out.suffix not in _FORMATS:
        raise UserError(f"{out}: a plot is a .svg or a .png file")
    plot = main_plot(lake, run)
    content = _adaptive_svg(plot).encode() if out.suffix == ".svg" else png(plot, scale=2)
    with check_writes(out, "name another file with --plot"), atomic_file(out) as part:
        part.write_bytes(content)
    return out.absolute()


def main_plot(lake: Lake, run: str) -> alt.HConcatChart:
    """Draw both charts side by side, for the flow's own split.

    Raises:
        UserError: The run has no metrics.
    """
    accuracy, compared = chart_rows.by_turn(lake, run, "acc"), chart_rows.read_rows(lake, chart_rows.COMPARED, run)
    if not any(row["split"] == EVAL_SPLIT for row in accuracy):
        raise UserError(f"run {run!r} has no metrics to plot: list the runs with `rise runs`")
    sides = [
        charts.accuracy([row for row in accuracy if row["split"] == EVAL_SPLIT]).properties(title="Accuracy by turn"),
        charts.compared([row for row in compared if row["split"] == EVAL_SPLIT]).properties(
            title="Turns against parallel samples"
        ),
    ]
    sized = [side.properties(width=_WIDTH, height=_HEIGHT) for side in sides]
    separate = alt.Resolve(scale=alt.ScaleResolveMap(color="independent", shape="independent"))
    return alt.HConcatChart(hconcat=sized, spacing=36, padding=14, resolve=separate)


def png(plot: alt.HConcatChart, scale: float) -> bytes:
    """Render a plot as PNG on a light ground."""
    return bytes(vl_convert.vegalite_to_png(plot.to_dict(), scale=scale, config=_config(dark=False)))


def _config(dark: bool) -> dict[str, Any]:
    config = theme.vega_config(dark, _FONT)
    ground = (theme.DARK if dark else theme.LIGHT)["ground"]
    return config | {"background": ground, "legend": config["legend"] | {"orient": "bottom"}}


def _adaptive_svg(plot: alt.HConcatChart) -> str:
    """Render a plot in light colours, with a style sheet for readers who prefer dark."""
    # Both renderings have the same shapes in the same order, so colours pair up by position.
    light, dark = (vl_convert.vegalite_to_svg(plot.to_dict(), config=_config(dark)) for dark in (False, True))
    pairs = set(zip(_PAINT.findall(light), _PAINT.findall(dark), strict=True))
    rules = sorted(
        f'[{paint}="{before}"]{{{paint}:{after}}}' for (paint, before), (_, after) in pairs if before != after
    )
    style = f"<style>@media (prefers-color-scheme: dark){{{''.join(rules)}}}</style>"
    head, end, body = light.partition(">")
    return f"{head}{end}{style}{body}\n"

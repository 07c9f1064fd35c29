"""The main plot as a picture: accuracy by turn, beside turns against parallel samples by iteration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from rise.core.errors import UserError
from rise.core.records import EVAL_SPLIT
from rise.storage.lake import Lake
from rise.tasks.report import charts, data, theme

FORMATS = (".svg", ".png")
PAINT = re.compile(r'(fill|stroke)="([^"]*)"')
WIDTH, HEIGHT = 300, 210
# Known to the renderer as to every browser, so that measured and shown text have the same width.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


def write_plot(lake: Lake, run: str, out: Path) -> Path:
    """Write the main plot as SVG (dark where its reader prefers dark) or PNG; returns its absolute path.

    Raises UserError for another ending, a run without metrics and a file that cannot be written.
    """
    if out.suffix not in FORMATS:
        raise UserError(f"{out}: a plot is a .svg or a .png file")
    spec = main_plot(lake, run)
    content = adaptive_svg(spec).encode() if out.suffix == ".svg" else png(spec, scale=2)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}; name another file with --plot") from error
    return out.absolute()


def main_plot(lake: Lake, run: str) -> alt.HConcatChart:
    """The two charts side by side, of the flow's own split."""
    rows, compared = data.by_turn(lake, run, "acc"), data.rows(lake, data.COMPARED, run)
    if not any(row["split"] == EVAL_SPLIT for row in rows):
        raise UserError(f"run {run!r} has no metrics to plot: list the runs with `rise runs`")
    sides = [
        charts.accuracy([row for row in rows if row["split"] == EVAL_SPLIT]).properties(title="Accuracy by turn"),
        charts.compared([row for row in compared if row["split"] == EVAL_SPLIT]).properties(
            title="Turns against parallel samples"
        ),
    ]
    fixed = [side.properties(width=WIDTH, height=HEIGHT) for side in sides]
    apart = alt.Resolve(scale=alt.ScaleResolveMap(color="independent", shape="independent"))
    return alt.HConcatChart(hconcat=fixed, spacing=36, padding=14, resolve=apart)


def png(spec: alt.HConcatChart, scale: float) -> bytes:
    """The plot on a light ground."""
    return bytes(vl_convert.vegalite_to_png(spec.to_dict(), scale=scale, config=config(dark=False)))


def config(dark: bool) -> dict[str, Any]:
    found = theme.config(dark, FONT)
    ground = (theme.DARK if dark else theme.LIGHT)["ground"]
    return found | {"background": ground, "legend": found["legend"] | {"orient": "bottom"}}


def adaptive_svg(spec: alt.HConcatChart) -> str:
    """The plot in light colours, with a style sheet that swaps each for its dark one where the reader prefers dark."""
    light, dark = (vl_convert.vegalite_to_svg(spec.to_dict(), config=config(dark)) for dark in (False, True))
    pairs = set(zip(PAINT.findall(light), PAINT.findall(dark), strict=True))
    rules = sorted(
        f'[{paint}="{before}"]{{{paint}:{after}}}' for (paint, before), (_, after) in pairs if before != after
    )
    style = f"<style>@media (prefers-color-scheme: dark){{{''.join(rules)}}}</style>"
    head, end, body = light.partition(">")
    return f"{head}{end}{style}{body}\n"

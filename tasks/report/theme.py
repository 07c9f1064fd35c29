"""Colours and type of the charts, light and dark. Palettes suit colour-blind readers (Okabe and Ito; viridis)."""

from __future__ import annotations

from typing import Any

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

# Names and order agree in both: the SVG of the plot replaces each light colour by the dark one of that name.
LIGHT = {"ground": "#ffffff", "ink": "#1f2328", "soft": "#59636e", "line": "#d1d9e0"}
DARK = {"ground": "#0d1117", "ink": "#f0f6fc", "soft": "#9198a1", "line": "#3d444d"}
LIGHT_CATEGORIES = ["#0072b2", "#c45500", "#767676", "#00806a", "#a8467f", "#3a9ad9", "#8a6d00", "#5b4fa2"]
DARK_CATEGORIES = ["#56b4e9", "#f0963c", "#a0a0a0", "#2fbf9b", "#e08bbd", "#8fd0ff", "#e6cf4a", "#a99cf0"]
# Iterations in order: the newest stands out most on either ground, the oldest has at least 3:1 (WCAG 1.4.11).
_LIGHT_ORDER = {"scheme": "viridis", "extent": [0.6, 0.0]}
_DARK_ORDER = {"scheme": "viridis", "extent": [0.3, 1.0]}


def vega_config(dark: bool, font: str = _FONT) -> dict[str, Any]:
    """Compose the Vega-Lite config of a theme."""
    colours, categories = (DARK, DARK_CATEGORIES) if dark else (LIGHT, LIGHT_CATEGORIES)
    text = {"labelColor": colours["soft"], "titleColor": colours["soft"], "labelFontSize": 12, "titleFontSize": 12}
    axis = text | {
        "gridColor": colours["line"],
        "gridOpacity": 0.6,
        "domainColor": colours["line"],
        "ticks": False,
        "titleFontWeight": "normal",
        "labelPadding": 6,
        "titlePadding": 10,
    }
    legend = text | {
        "orient": "top",
        "direction": "horizontal",
        "titleFontWeight": "normal",
        "symbolSize": 90,
        "symbolOpacity": 1,
        "labelLimit": 320,
        "columnPadding": 16,
        "offset": 12,
    }
    return {
        "background": "transparent",
        "font": font,
        "view": {"stroke": None},
        "axis": axis,
        "axisX": {"grid": False, "labelAngle": 0},
        "axisY": {"domain": False, "tickCount": 5},
        "legend": legend,
        "title": {"color": colours["ink"], "fontSize": 14, "anchor": "start", "offset": 12},
        "range": {"category": categories, "ordinal": _DARK_ORDER if dark else _LIGHT_ORDER},
        "line": {"strokeWidth": 2.2},
        "point": {"size": 50, "filled": True, "opacity": 1},
        "rule": {"color": colours["soft"]},
        "tick": {"color": colours["ink"]},
        "area": {"line": False},
    }

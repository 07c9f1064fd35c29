"""The page of a run: one HTML file with charts, data, styles and scripts, independent of the network.

Scripts run only where the page's own policy (Content-Security-Policy) names their hash, and no text is evaluated: Vega
runs by its expression interpreter. Text of models and problems is packed in base64 and enters the document as text
nodes, so nothing in such text can run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rise_core.atomic import atomic_file, check_writes
from rise_core.records import Metric
from storage import metric_rows, runs
from storage.lake import Lake
from tasks.report import theme
from tasks.report.browser_data import pack, read_browser_data
from tasks.report.captions import Figure, result_figures, time_figures, training_figures

MAX_RESPONSES = 50_000  # on a page

_ASSETS = PackageLoader(__package__, "assets")
_SCRIPTS = ("theme.js", "charts.js", "rollouts.js", "browser.js")


def write_page(lake: Lake, run: str, out: Path, cache: Path, max_responses: int = MAX_RESPONSES) -> Path:
    """Write the page of a run, whole or not at all.

    Args:
        out: The file to write.
        cache: Folder of the chart library's bundle, which takes seconds to make.
        max_responses: Most responses on the page; larger runs show a sample.

    Returns:
        The absolute path.

    Raises:
        UserError: The run is unknown, or the file cannot be written.
    """
    _write(out, _render(lake, run, _chart_library(cache), max_responses), "name another file with --out")
    return out.absolute()


def content_policy(scripts: list[str]) -> str:
    """Compose a Content-Security-Policy: run these scripts, style the page, fetch nothing.

    Raises:
        ValueError: A browser would read a script differently from the hashed text.
    """
    for script in scripts:
        if "</script" in script.lower() or "\r" in script:
            raise ValueError("a script of the page would not arrive as it was hashed")
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    # The charts set sizes as inline styles. A style cannot fetch anything here: no source is allowed.
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def json_block(data: Any) -> Markup:
    """Encode data as JSON without characters that could end the HTML element around it."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


def _render(lake: Lake, run: str, library: str, max_responses: int) -> str:
    record = runs.get(lake, run)
    env = Environment(loader=_ASSETS, autoescape=True, undefined=StrictUndefined)
    sources = {name: _ASSETS.get_source(env, name)[0] for name in (*_SCRIPTS, "style.css")} | {"vega.js": library}
    responses = read_browser_data(lake, run, max_responses)
    results = result_figures(lake, run)
    training, times = training_figures(lake, run), time_figures(lake, run)
    specs = {f"{split}-{figure.name}": figure.spec for split, figures in results.items() for figure in figures}
    specs |= {figure.name: figure.spec for figure in (*training, *times)}
    themes = {"light": theme.vega_config(dark=False), "dark": theme.vega_config(dark=True)}
    return env.get_template("page.html.jinja").render(
        record=record,
        version=lake.version(),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        splits={split: _summary(lake, run, split, figures) for split, figures in results.items()},
        training=training,
        times=times,
        total=responses["total"],
        shown=responses["shown"],
        policy=content_policy([sources[name] for name in (*_SCRIPTS, "vega.js")]),
        # Own files, never data: no escapes.
        sources={name: Markup(text) for name, text in sources.items()},  # noqa: S704
        charts=json_block({"themes": themes, "specs": specs}),
        rollouts=pack(responses),
    )


def _summary(lake: Lake, run: str, split: str, figures: list[Figure]) -> dict[str, Any]:
    """Collect a split's headlines, figures and table of metrics: name → iteration → metric."""
    # A metric over no problem (n = 0) has no value to show.
    rows = [(iteration, metric) for iteration, metric in metric_rows.read(lake, run, split) if metric.n]
    table: dict[str, dict[int, Metric]] = {}
    for iteration, metric in rows:
        table.setdefault(metric.metric, {})[iteration] = metric
    iterations = sorted({iteration for iteration, _ in rows})
    sql = "SELECT max(turns) AS turns FROM leaderboard WHERE run = ? AND split = ?"
    turns = lake.query(sql, [run, split])["turns"][0].as_py()
    headlines = _headlines(table, iterations[-1], turns)
    return {"iterations": iterations, "metrics": table, "headlines": headlines, "figures": figures}


def _headlines(table: dict[str, dict[int, Metric]], newest: int, turns: int | None) -> list[dict[str, Any]]:
    """Pick the newest iteration's main metrics, each with its value at the base where known."""
    names = {
        f"m1@t{turns}": "Vote over the turns",
        "gain_parallel": "Gain over parallel samples",
        "gain_turns": "Gain over one response",
    }
    return [
        {
            "label": label,
            "metric": table[name][newest],
            "iteration": newest,
            "base": table[name].get(0) if newest else None,
        }
        for name, label in names.items()
        if newest in table.get(name, {})
    ]


def _chart_library(cache: Path) -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, kept in `cache` for each version of vl-convert."""
    script = cache / f"vega-{metadata.version('vl-convert-python')}.js"
    if not script.is_file():
        _write(script, vl_convert.javascript_bundle("globalThis.vegaEmbed = vegaEmbed;"), "make the folder writable")
    return script.read_text(encoding="utf-8")


def _write(path: Path, text: str, remedy: str) -> None:
    with check_writes(path, remedy), atomic_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")

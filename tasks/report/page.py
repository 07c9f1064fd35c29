"""The HTML page: one file with its charts, its data, its styles and its scripts, and nothing from the network.

Scripts run only where the page's own policy (Content-Security-Policy) names their hash, and no text is ever evaluated:
Vega works by its expression interpreter. Text of models and problems comes packed in base64 and reaches the document as
text nodes, so nothing in it can run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rise.core.errors import UserError
from rise.storage import runs
from rise.storage.lake import Lake
from rise.tasks.report import theme
from rise.tasks.report.episodes import pack, read_episodes
from rise.tasks.report.figures import Figure, result_figures, time_figures, training_figures
from rise.tasks.report.summary import summary

MOST = 50_000  # responses in a page
SCRIPTS = ("theme.js", "charts.js", "rollouts.js", "browser.js")


def write_page(lake: Lake, run: str, out: Path, cache: Path, most: int = MOST) -> Path:
    """Write the report of a run, whole or not at all; returns its absolute path.

    `cache`: a folder for the bundle of the chart library, which takes seconds to make. `most`: responses to hold.
    Raises UserError for an unknown run and for a file that cannot be written.
    """
    page = render(lake, run, bundle(cache), most)
    return write_whole(out, page)


def write_whole(out: Path, text: str) -> Path:
    part = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(out)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}; name another file with --out") from error
    return out.absolute()


def bundle(cache: Path) -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, kept in `cache` by the version of what made it."""
    kept = cache / f"vega-{metadata.version('vl-convert-python')}.js"
    if not kept.is_file():
        write_whole(kept, vl_convert.javascript_bundle("globalThis.vegaEmbed = vegaEmbed;"))
    return kept.read_text(encoding="utf-8")


def render(lake: Lake, run: str, library: str, most: int) -> str:
    record = runs.get(lake, run)
    env = Environment(loader=PackageLoader("rise.tasks.report", "assets"), autoescape=True, undefined=StrictUndefined)
    sources = {name: source(env, name) for name in (*SCRIPTS, "style.css")} | {"vega.js": library}
    episodes = read_episodes(lake, run, most)
    figures = result_figures(lake, run)
    training, times = training_figures(lake, run), time_figures(lake, run)
    everything = [(f"{split}-{f.name}", f) for split, found in figures.items() for f in found]
    everything += [(f.name, f) for f in (*training, *times)]
    return env.get_template("page.html.jinja").render(
        record=record,
        version=lake.version(),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        splits={split: summary(lake, run, split) | {"figures": found} for split, found in figures.items()},
        training=training,
        times=times,
        total=episodes["total"],
        shown=episodes["shown"],
        policy=policy([sources[name] for name in (*SCRIPTS, "vega.js")]),
        # Own files, never data: they stand in the page as they are.
        sources={name: Markup(text) for name, text in sources.items()},  # noqa: S704
        charts=json_block(chart_data(everything)),
        rollouts=pack(episodes),
    )


def source(env: Environment, name: str) -> str:
    loader = env.loader or PackageLoader("rise.tasks.report", "assets")
    return loader.get_source(env, name)[0]


def policy(scripts: list[str]) -> str:
    """What the page may do: run exactly these scripts, style itself, and fetch nothing."""
    for script in scripts:
        if "</script" in script.lower() or "\r" in script:
            raise ValueError("a script of the page would not arrive as it was hashed")
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    # The charts set sizes as inline styles; a style cannot fetch anything here, since no source is allowed.
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def json_block(value: Any) -> Markup:
    """JSON that HTML cannot misread: it holds no character that could end its element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


def chart_data(figures: list[tuple[str, Figure]]) -> dict[str, Any]:
    themes = {"light": theme.config(dark=False), "dark": theme.config(dark=True)}
    return {"themes": themes, "specs": {name: figure.spec for name, figure in figures}}

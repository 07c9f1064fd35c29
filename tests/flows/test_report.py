"""Results of a finished run: page, plot, and artifacts in Prefect."""

import json
import re
import sqlite3
from pathlib import Path

from tests.flows.command import query, rise


def artifacts(home: Path) -> dict[str, tuple[str, str]]:
    """Read the newest artifacts from Prefect's database: key → (type, data)."""
    with sqlite3.connect(f"file:{home / 'prefect' / 'prefect.db'}?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT a.key, a.type, a.data FROM artifact_collection c JOIN artifact a ON a.id = c.latest_id"
        ).fetchall()
    return {key: (kind, data) for key, kind, data in rows}


def test_a_run_ends_with_its_page(whole: Path) -> None:
    page = (whole / "runs" / "whole" / "report.html").read_text()
    assert "<title>whole · RISE report</title>" in page
    newest = query(whole, "SELECT value FROM metrics WHERE iteration = 2 AND metric = 'm1@t3'")[0]["value"]
    assert f"<strong>{100 * newest:.1f}<small>" in page


def test_prefect_shows_metrics_plot_and_report(whole: Path) -> None:
    newest_artifacts = artifacts(whole)
    assert {key: kind for key, (kind, _) in newest_artifacts.items()} == {
        "rise-whole-metrics": "table",
        "rise-whole-plot": "markdown",
        "rise-whole-progress-collect": "progress",
        "rise-whole-progress-evaluation": "progress",
        "rise-whole-progress-training": "progress",
        "rise-whole-report": "markdown",
    }
    rows = json.loads(json.loads(newest_artifacts["rise-whole-metrics"][1]))
    assert {row["iteration"] for row in rows} == {0, 1, 2}
    picture = re.search(r"data:image/png;base64,([A-Za-z0-9+/]+)", newest_artifacts["rise-whole-plot"][1])
    assert picture
    assert len(picture[1]) < 140_000
    text = json.loads(newest_artifacts["rise-whole-report"][1])
    assert str(whole / "runs" / "whole" / "report.html") in text
    assert re.search(r"\| 2 \| fine-tune \| \d+\.\d\d \|", text)


def test_the_command_prints_the_table_and_says_where_the_page_is(whole: Path, tmp_path: Path) -> None:
    out, plot = tmp_path / "page.html", tmp_path / "plot.svg"
    result = rise(whole, "report", "whole", "--out", str(out), "--plot", str(plot), "--rollouts", "20")
    assert result.returncode == 0, result.stderr
    assert result.stdout == (whole / "printed.txt").read_text()
    assert result.stderr.splitlines() == [f"plot: {plot}", f"page: {out}"]
    sample = re.search(r"A sample: (\d+) of", out.read_text())
    assert sample
    assert 0 < int(sample[1]) <= 20
    assert plot.read_text().startswith("<svg")


def test_an_unknown_run_is_one_line(whole: Path) -> None:
    result = rise(whole, "report", "nobody")
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.strip().splitlines()) == 1

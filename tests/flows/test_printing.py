"""Text of models, problems and errors on the terminal: no control sequence and no markup has an effect."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console
from typer.testing import CliRunner

from flows.cli.app import app
from flows.cli.compared_runs import Comparison
from flows.cli.comparison_table import write_comparison
from flows.cli.episode_printing import JsonEpisode, ShownEpisode, working
from flows.cli.printing import write_metrics, write_rows
from rise_core.config.keys import Config
from rise_core.method.comparison import Row
from rise_core.method.solving import Attempt
from rise_core.records import Grade, Metric, Verdict
from rise_core.verifiers.grading_pool import report_failures
from storage import metric_rows
from storage.checkpoints import CheckpointRecord
from storage.lake import Lake
from storage.location import LakeLocation

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e[red]markup[/red][link=file:///etc]x[/link]\r\x7f"
STEERING = set("\x1b\x07\x9b\r\x7f\u202e\x9d")


def harmless(text: str) -> bool:
    return not set(text) & STEERING and "[red]markup[/red]" in text


@pytest.mark.parametrize("form", ["table", "json"])
def test_rows_of_a_query(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = pa.table({"response": [HOSTILE, None], HOSTILE: [[HOSTILE], []]})
    write_rows(rows, form)
    printed = capsys.readouterr().out
    if form == "json":
        assert json.loads(printed)[0]["response"] == HOSTILE, "a program gets the exact text"
        printed = printed.replace("\u202e", "")  # programs ignore writing direction, and viewers of JSON set their own
    assert harmless(printed)


def test_csv_is_exact_for_programs_and_harmless_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pa.table({"response": [HOSTILE]})
    write_rows(rows, "csv")
    assert HOSTILE in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    write_rows(rows, "csv")
    assert harmless(capsys.readouterr().out)


def test_metrics_and_comparisons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metric = Metric("eval", HOSTILE, 0.5, 0.4, 0.6, 10)
    with Lake(LakeLocation.from_home(tmp_path)) as lake:
        metric_rows.replace(lake, "r1", 0, [metric])
        write_metrics(lake, "r1")
    assert harmless(capsys.readouterr().out)
    comparison = Comparison(
        [f"a{HOSTILE}", "b"], [Row(f"best{HOSTILE}", {"b": metric})], {HOSTILE: {f"a{HOSTILE}": 1, "b": 2}}, [HOSTILE]
    )
    write_comparison(comparison, "table")
    assert harmless(capsys.readouterr().out)


@pytest.mark.parametrize("terminal", [True, False])
def test_an_episode(terminal: bool) -> None:
    record = CheckpointRecord("r1", 1, "0123456789ab", "full", None, "x", "x", 1, {})
    out = io.StringIO()
    shown = ShownEpisode(out, record, Config(), HOSTILE)
    shown.console = Console(file=out, highlight=False, force_terminal=terminal, color_system=None, width=300)
    shown.block(HOSTILE)
    shown.add(attempt())
    shown.end()
    assert harmless(out.getvalue())
    out = io.StringIO()
    as_json = JsonEpisode(out, record, Config(), HOSTILE)
    as_json.add(attempt())
    as_json.end()
    assert harmless(out.getvalue())


def attempt() -> Attempt:
    return Attempt(turn=1, response=HOSTILE, answer=HOSTILE, verdict=Verdict.WRONG)


def test_the_announcement_of_a_slow_action(capsys: pytest.CaptureFixture[str]) -> None:
    with working(HOSTILE):
        pass
    assert harmless(capsys.readouterr().err)


def test_why_answers_could_not_be_graded(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        report_failures([(Grade(Verdict.ERROR, 0.0), f"ValueError: {HOSTILE}")])
    assert harmless(caplog.text.replace("\n", ""))


def test_an_error_about_a_hostile_problem_file(tmp_path: Path) -> None:
    row = {f"{HOSTILE}": "x", "answer": "1"}
    (tmp_path / "hostile.jsonl").write_text(json.dumps(row) + "\n")
    files = [f"problems.{split}={tmp_path}/hostile.jsonl" for split in ("train", "eval")]
    result = CliRunner().invoke(app, ["run", "mistral-7b-gsm8k", *files, "--home", str(tmp_path / "home")])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert harmless(result.stderr)


def test_the_real_command_on_a_real_terminal(tmp_path: Path) -> None:
    """On a pseudo-terminal, Rich writes colours and CSV is escaped."""
    with Lake(LakeLocation.from_home(tmp_path)):
        pass
    sql = "SELECT chr(27) || '[2J' || chr(155) || '[red]markup[/red]' AS said"
    terminal, end = pty.openpty()
    command = [str(Path(sys.executable).parent / "rise"), "query", sql, "--format", "csv"]
    subprocess.run(command, env={**os.environ, "RISE_HOME": str(tmp_path)}, stdout=end, stderr=end, timeout=300)
    printed = os.read(terminal, 65_536).decode()
    os.close(terminal)
    os.close(end)
    assert "\\x1b[2J\\x9b[red]markup[/red]" in printed
    assert "\x1b" not in printed

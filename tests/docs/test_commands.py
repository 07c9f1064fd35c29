"""Runs the commands and queries of the pages on a finished run; tests elsewhere run the others."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from flows.cli.app import app
from rise_core.records import Problem, Verdict
from storage.location import LakeLocation
from storage.query import run_query
from tests.docs.elsewhere import ELSEWHERE, EVERYDAY
from tests.docs.pages import ROOT, Block, Command, blocks, commands
from tests.flows.command import RISE, environment

READS = ("query", "runs", "report", "compare", "attach", "config")
RUN = re.compile(r"\b(demo|mine(-base|-small|-control)?|smollm2)\b")

# Text in a query of a page → text for the tiny run.
TINY = {
    "'demo'": "'whole'",
    "'mine-base'": "'whole'",
    "run=smollm2 ": "run=whole ",
    "samples = 5": "samples = 3",
    "'digit_chain-10349'": "(SELECT min(problem_id) FROM problems WHERE split = 'eval')",
}
NOTEBOOK = "docs/python.md"  # one program; tests/test_door.py runs it
# Queries of a split that the tiny run lacks: they may return no row.
MAY_BE_EMPTY = ("split = 'samples-20'",)


@pytest.fixture(scope="module")
def home(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished run: some commands write a page."""
    copy = tmp_path_factory.mktemp("docs") / "home"
    shutil.copytree(whole, copy)
    return copy


def runners_of(command: Command) -> tuple[str, ...] | None:
    """Where a command is run instead of here; None where nothing says it."""
    text = " ".join(command.words)
    begins = max((known for known in ELSEWHERE if text.startswith(known)), key=len, default=None)
    return ELSEWHERE[begins] if begins else None


def runs_here(command: Command) -> bool:
    return runners_of(command) is None and command.words[0] == "rise" and command.words[1] in READS


@pytest.mark.parametrize("command", [c for c in commands() if " ".join(c.words) not in EVERYDAY], ids=str)
def test_a_command_is_run_by_a_test_or_by_ci(command: Command) -> None:
    tests = runners_of(command)
    assert runs_here(command) or tests, f"{command}: say in tests/docs/elsewhere.py which test or CI job runs it"


@pytest.mark.docs
@pytest.mark.parametrize("command", [command for command in commands() if runs_here(command)], ids=str)
def test_a_command_that_reads_works(
    command: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISE_HOME", str(home))
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    monkeypatch.chdir(tmp_path)
    for block in blocks("yaml"):
        (tmp_path / "mine.yaml").write_text(block.text)
    _, name, *arguments = command.words
    if name != "config":
        arguments = [RUN.sub("whole", argument) for argument in arguments]

    result = CliRunner().invoke(app, [name, *arguments], catch_exceptions=False)

    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()


@pytest.mark.docs
@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_a_query_finds_rows(block: Block, home: Path) -> None:
    sql = block.text
    for theirs, ours in TINY.items():
        sql = sql.replace(theirs, ours)

    rows = run_query(LakeLocation.from_home(home), sql)

    assert rows.num_rows or any(words in sql for words in MAY_BE_EMPTY), sql


@pytest.mark.docs
@pytest.mark.parametrize("block", [b for b in blocks("python") if b.page != NOTEBOOK], ids=str)
def test_a_program_runs(block: Block, home: Path) -> None:
    program = block.text.replace(".venv/bin/rise", RISE).replace('"demo"', '"whole"')
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment(home), cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr


def test_the_verifier_of_the_page_grades() -> None:
    (block,) = [block for block in blocks("python") if "def grade(" in block.text]
    module = ModuleType("of_the_page")
    exec(block.text, module.__dict__)  # noqa: S102 (a page of this repository)
    problem = Problem("p", "train", "1 + 1", "2")

    verdicts = [module.grade(response, problem).verdict for response in ("x = 2", "x = 3", "x =")]

    assert verdicts == [Verdict.CORRECT, Verdict.WRONG, Verdict.NO_ANSWER]

"""The pages name only existing things: commands, options, targets, keys, files, messages, headings, tests."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml
from typer.main import get_command

from flows.cli.app import app
from rise_core.config.keys import Config
from rise_core.config.load import load_config
from rise_core.method.metrics import Outcome, any_correct, vote_correct
from rise_core.records import Rollout
from tests.docs.elsewhere import ELSEWHERE
from tests.docs.pages import PAGES, ROOT, Command, anchors, blocks, commands, inline_code, links, prose

RISE: Any = get_command(app)
SOURCES = [path for top in ("flows", "tasks", "storage", "rise_core") for path in sorted((ROOT / top).rglob("*.py"))]
TARGETS = set(re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))


def check(script: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), "--check"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_reference_pages_are_what_make_docs_writes() -> None:
    result = check(ROOT / "docs/generate.py")
    assert result.returncode == 0, f"run `make docs`:\n{result.stdout}{result.stderr}"


def test_a_page_that_drifted_is_found(tmp_path: Path) -> None:
    for name in ("generate.py", "configuration.md", "lake.md"):
        text = (ROOT / "docs" / name).read_text()
        (tmp_path / name).write_text(text.replace("| `train.tau` |", "| `train.temperature` |"))

    result = check(tmp_path / "generate.py")

    assert result.returncode == 1
    assert "+| `train.tau`" in result.stdout


# -- commands ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [c for c in commands() if c.words[0] == "rise"], ids=str)
def test_a_rise_command_parses(command: Command) -> None:
    _, name, *arguments = command.words
    assert name in RISE.commands, f"rise has no command {name}"
    context = RISE.commands[name].make_context(name, arguments)  # raises where an option or a value is wrong
    overrides = context.params.get("overrides") or []
    if name in ("run", "config") and not context.params["profile"].endswith(".yaml"):
        load_config(context.params["profile"], overrides)
    else:
        load_config("demo", overrides)


def test_yaml_blocks_are_profiles(tmp_path: Path) -> None:
    profiles = blocks("yaml")
    assert profiles
    for block in profiles:
        (tmp_path / "mine.yaml").write_text(block.text)
        keys = yaml.safe_load(block.text)
        assert load_config(str(tmp_path / "mine.yaml")).model.name == keys["model"]["name"], block


def test_inline_commands_exist() -> None:
    assert [(page, code) for page, code in inline_code() if not is_command(code)] == []


def is_command(code: str) -> bool:
    """Whether inline code that starts like a command names one, with options that it has."""
    command = re.fullmatch(r"(?:\.venv/bin/)?rise ([a-z]+)\b(.*)", code)
    if command:
        name, rest = command.groups()
        options = (
            {option for one in RISE.commands[name].params for option in one.opts} if name in RISE.commands else set()
        )
        return name in RISE.commands and set(re.findall(r"(?<=\s)--[a-z-]+", rest)) <= options
    target = re.match(r"(?:[A-Z_]+=\S+ )*make ([a-z-]+)", code)
    return target is None or target[1] in TARGETS


@pytest.mark.parametrize("command", [c for c in commands() if c.words[0] == "make"], ids=str)
def test_a_make_target_exists(command: Command) -> None:
    assert next(word for word in command.words[1:] if "=" not in word) in TARGETS


@pytest.mark.parametrize("begins", sorted(ELSEWHERE))
def test_the_tests_that_run_other_commands_exist(begins: str) -> None:
    for test in ELSEWHERE[begins]:
        path, _, name = test.partition("::")
        text = (ROOT / path).read_text()
        if not name:
            assert begins in text, f"{path} does not run {begins}"
            continue
        functions = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"there is no {test}"


# -- names -------------------------------------------------------------------------------------------------------------


def keys_of(cls: Any, prefix: str = "") -> set[str]:
    """Every dotted key of the config, sections and entries of lists included."""
    keys = set()
    hints = get_type_hints(cls)
    for one in fields(cls):
        name, kind = f"{prefix}{one.name}", hints[one.name]
        (item,) = get_args(kind)[:1] or (None,)
        keys.add(name)
        if is_dataclass(kind):
            keys |= keys_of(kind, f"{name}.")
        elif is_dataclass(item):
            keys |= keys_of(item, f"{name}[].")
    return keys


KEYS = keys_of(Config)
SECTIONS = {key.partition(".")[0] for key in KEYS if "." in key}
KEY = re.compile(rf"(?P<key>(?:{'|'.join(sorted(SECTIONS))})\.[a-z_.\[\]*]+)(?P<given>=.*)?", re.DOTALL)
FILE = re.compile(r"\w+\.(jsonl|py|json|parquet|yaml|md|sqlite|html|csv)")


def keys_in(code: str) -> list[re.Match[str]]:
    """The config keys, with the values that they are given, in a piece of inline code."""
    try:
        words = shlex.split(code)
    except ValueError:  # not shell at all
        return []
    matches = [KEY.fullmatch(word) for word in words if not FILE.fullmatch(word)]
    return [match for match in matches if match]


def test_keys_exist_and_take_the_values() -> None:
    matches = [(page, match) for page, code in inline_code() for match in keys_in(code)]
    assert len(matches) > 100
    for page, match in matches:
        key = match["key"].removesuffix(".*").rstrip(".")
        assert key in KEYS or key.startswith("problems.params."), f"{page}: there is no key {key}"
        if match["given"] and not re.search(r"…|\||=\.", match["given"]):
            load_config("demo", [f"{match['key']}{match['given']}"])


def test_files_and_variables_exist() -> None:
    sources = "\n".join(path.read_text() for path in SOURCES)
    for page, code in inline_code():
        if re.fullmatch(r"[\w.-]+/[\w./-]+\.(py|sh|yaml|md|toml|txt|in|svg)", code):
            new = "NAME" in code or code.startswith("runs/")
            assert new or (ROOT / code).exists() or (ROOT / "rise_core" / code).exists(), f"{page}: there is no {code}"
        if re.fullmatch(r"RISE_[A-Z_]+", code):
            assert code in sources, f"{page}: nothing reads {code}"


def messages() -> str:
    """All texts of the sources, … where a value is filled in."""
    texts = [path.read_text() for path in (ROOT / "deployments").glob("*.sh")]
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def test_the_messages_that_are_explained_are_those_of_the_program() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text()
    explained = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    texts = messages()
    pieces = [piece.strip() for message in explained for piece in message.split("…") if piece.strip()]
    assert len(explained) > 30
    assert [piece for piece in pieces if piece not in texts] == []


@pytest.mark.parametrize(("page", "target"), links(), ids=lambda value: getattr(value, "name", value))
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    assert file.is_file(), f"{page.name}: {target} leads nowhere"
    assert not anchor or anchor in anchors(file), f"{page.name}: {file.name} has no heading for #{anchor}"


def test_readme_leads_to_every_page() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve() for page, target in links() if page.name == "README.md"
    }
    assert [page.name for page in PAGES if page.parent.name == "docs" and page not in linked] == []


def test_the_tree_of_the_readme_names_what_is_there() -> None:
    tree = next(block for block in blocks("") if block.text.startswith("flows/"))
    folder = ""
    for line in tree.text.splitlines():
        name = line[:24].strip()
        nested = line.startswith("  ")
        if name and not line.startswith("   "):
            assert (ROOT / (folder if nested else "") / name).exists(), line
            folder = folder if nested else name


# -- the worked example ------------------------------------------------------------------------------------------------


def test_the_votes_of_the_worked_example() -> None:
    rows = re.findall(
        r"^\| ((?:[\d-] ){4}[\d-]) \| (\d) \| (\d) \| (\d) \|", prose(ROOT / "docs/concepts.md"), re.MULTILINE
    )
    assert len(rows) == 3
    for text, *expected in rows:
        turns = [response(turn, None if answer == "-" else answer) for turn, answer in enumerate(text.split(), start=1)]
        outcome = Outcome(turns, [])
        votes = [any_correct(outcome.turns[:1]), vote_correct(outcome.turns), any_correct(outcome.turns)]
        assert votes == [float(value) for value in expected], text


def response(turn: int, answer: str | None) -> Rollout:
    verdict = "no_answer" if answer is None else "correct" if answer == "7" else "wrong"
    return Rollout(
        "r", 0, "eval_sequential", "eval", "p", 0, turn, 0, "c", "", [], 0, "stop", False, 0, 0.0, answer, verdict
    )

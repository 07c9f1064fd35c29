"""The source holds no pickles from disk, code from models or data, evaluated text or unpacked archives."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [
    file
    for folder in ("flows", "tasks", "rise_core", "storage", "deployments", "benchmarks")
    for file in sorted((ROOT / folder).rglob("*.py"))
]
MODULES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "zipfile", "tarfile"}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "unpack_archive",
    "extractall",
    "read_pickle",
    "unsafe_load",
}
# ruff's rules on the same: suspicious pickle, marshal and eval, yaml.load, torch.load, tar members, shell, SQL, markup
RULES = ("S301", "S302", "S307", "S506", "S614", "S202", "S602", "S605", "S608", "S701", "S704")


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            yield f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node


def test_nothing_is_unpickled_evaluated_or_unpacked() -> None:
    locations = []
    for location, node in nodes():
        if isinstance(node, ast.Import) and {alias.name.partition(".")[0] for alias in node.names} & MODULES:
            locations.append(location)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            locations.append(location)
        if isinstance(node, ast.Call):
            called = node.func
            name = called.id if isinstance(called, ast.Name) else ""
            attribute = called.attr if isinstance(called, ast.Attribute) else ""
            owner = called.value.id if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) else ""
            if name in CALLS or attribute in CALLS - {"eval", "compile"}:  # model.eval() and re.compile() are others
                locations.append(location)
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if options.get("allow_pickle", "False") != "False" or options.get("trust_remote_code", "False") != "False":
                locations.append(location)
            if (owner, attribute) == ("torch", "load") and options.get("weights_only") != "True":
                locations.append(location)
            if options.get("shell", "False") != "False":
                locations.append(location)
    assert locations == []


def test_prefect_keeps_no_results_which_it_would_pickle() -> None:
    for location, node in nodes():
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("task", "flow"):
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert options.get("persist_result") == "False", location


def test_ruff_looks_for_the_same() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    off = set(ruff["ignore"]) | {
        rule for place, rules in ruff["per-file-ignores"].items() if not place.startswith("tests") for rule in rules
    }
    assert "S" in ruff["select"]
    assert off & set(RULES) == set()


def test_sql_is_built_of_nothing_but_own_words() -> None:
    """Values travel as bound parameters. Composed SQL holds only names of columns, tables and constants."""
    own = {
        ("storage/columns.py", "columns"),
        ("storage/creation.py", "SCHEMA_VERSION"),
        ("storage/creation.py", "', '.join(table.partitions)"),
        ("storage/creation.py", "table.name"),
        ("storage/schema.py", "', '.join(columns)"),
        ("storage/schema.py", "self.name"),
        ("storage/views.py", "_GRADED"),
        ("storage/views.py", "self.name"),
        ("storage/views.py", "self.sql"),
        ("storage/checksums.py", "_FILES"),
        ("storage/checksums.py", "_OF_RUN"),
        ("storage/checksums.py", "where"),
        ("storage/rollouts.py", "_FIELDS"),
        ("storage/rollouts.py", "names"),
        ("storage/rollouts.py", "source"),
        ("storage/rollouts.py", "where"),
        ("storage/examples.py", "names"),
        ("storage/examples.py", "_OF_ITERATIONS"),
        ("storage/transaction.py", "table"),
    }
    words = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "ATTACH ", "SET ", "CALL ", "LOAD ", "COPY ")
    words += ("WITH ", "FROM ", "ALTER ", "DROP ", "PRAGMA ", "USE ")
    locations = set()
    for location, node in nodes():
        if not location.startswith("storage/") or not isinstance(node, ast.JoinedStr):
            continue
        text = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
        if text.lstrip().startswith(words):
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    value = ast.unparse(part.value)
                    # URLs of the lake, from the environment, cannot be bound in these statements: quoted
                    if not value.startswith("_quote(") and (location.partition(":")[0], value) != (
                        *("storage/session.py", "', '.join(options)"),
                    ):
                        locations.add((location.partition(":")[0], value))
    assert locations <= own, locations - own

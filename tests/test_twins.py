"""Every module has a test file at its own path, or a row in tests/README.md that names the tests of its behaviour."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
FOLDERS = ("rise_core", "tasks", "storage", "flows", "deployments")


def modules() -> set[str]:
    """Paths of all modules with code: `__init__.py` files re-export or start a package."""
    files = (file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
    return {file.relative_to(ROOT).as_posix() for file in files if file.name != "__init__.py"}


def twin(module: str) -> Path:
    path = Path(module)
    return TESTS / path.parent / f"test_{path.name}"


def listed() -> dict[str, set[str]]:
    """Module → its tests, by the table of tests/README.md."""
    rows = re.findall(r"^\| (`.*`) \| (`.*`) \|$", (TESTS / "README.md").read_text(), re.MULTILINE)
    names = re.compile(r"`([^`]+)`")
    return {module: set(names.findall(tests)) for left, tests in rows for module in names.findall(left)}


def test_a_module_without_a_test_file_is_in_the_table() -> None:
    assert {module for module in modules() if not twin(module).exists()} - listed().keys() == set()


def test_the_table_names_modules_and_tests_that_exist() -> None:
    table = listed()
    assert table.keys() <= modules(), "rows of modules that are gone"
    assert [test for tests in table.values() for test in tests if not (TESTS / test).is_file()] == []

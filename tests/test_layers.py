"""The one-way dependencies are checked by import-linter; a planted import against the direction must be caught."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINTER = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the source tree and its contracts."""
    for package in ("flows", "tasks", "storage", "rise_core", "rise"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, symlinks=True, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINTER], cwd=tree, capture_output=True, text=True, timeout=120)


def test_the_source_tree_keeps_its_contracts(tree: Path) -> None:
    result = lint(tree)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        ("rise_core/cluster.py", "import storage", "Imports point one way"),
        ("storage/__init__.py", "import tasks", "Imports point one way"),
        ("tasks/__init__.py", "import flows", "Imports point one way"),
        ("rise_core/cluster.py", "import prefect", "The method knows neither Prefect nor DuckDB"),
        ("rise_core/method/selection.py", "import ray", "Pure modules"),
        ("rise_core/training/loss.py", "import rise_core.cluster", "Pure modules"),
        ("rise_core/verifiers/extract.py", "import rise_core.problems", "Problems use verifiers"),
        ("rise_core/generators/registry.py", "import rise_core.verifiers", "Problems use verifiers"),
        ("storage/__init__.py", "import rise_core.engine", "Storage takes only types"),
        ("rise_core/seeds.py", "import rise_core.method.selection", "No circles"),  # a module and a folder
        ("rise_core/method/weights.py", "import rise_core.answering.renderer", "No circles"),  # two folders
        ("rise_core/config/keys.py", "import rise_core.config.load", "No circles"),  # two modules
    ],
)
def test_an_import_against_the_direction_is_caught(tree: Path, module: str, planted: str, contract: str) -> None:
    with (tree / module).open("a") as file:
        file.write(f"\n{planted}\n")

    result = lint(tree)

    assert result.returncode == 1
    assert any(contract in line and "BROKEN" in line for line in result.stdout.splitlines()), result.stdout

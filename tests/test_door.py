"""`import rise`: fast, complete, and documented by a page that runs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rise
from tests.docs.pages import ROOT, blocks
from tests.flows.command import environment

HEAVY = ("duckdb", "numpy", "omegaconf", "prefect", "pyarrow", "ray", "torch", "transformers", "vllm")


def test_the_import_loads_no_library() -> None:
    program = f"import sys, rise; print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_records_and_metrics_load_no_service() -> None:
    program = "import sys, rise; rise.compute_metrics, rise.Grade, rise.load_config, rise.get_verifier, rise.messages"
    program += "; print([name for name in ('duckdb', 'prefect', 'ray', 'torch', 'vllm') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("name", rise.__all__)
def test_an_offered_name_is_there_and_documented(name: str) -> None:
    assert getattr(rise, name).__doc__
    assert f"`{name}`" in (ROOT / "docs/python.md").read_text()


def test_type_checkers_see_what_is_offered() -> None:
    imports = [
        node for node in ast.walk(ast.parse(Path(rise.__file__).read_text())) if isinstance(node, ast.ImportFrom)
    ]
    seen = {
        (alias.asname, f"{node.module}:{alias.name}")
        for node in imports
        for alias in node.names
        if alias.asname and node.module
    }
    assert seen == {(name, place) for name, place in rise._OFFERED.items()}


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'rise' has no attribute 'opne_lake'"):
        _ = rise.opne_lake


@pytest.mark.service
def test_the_page_is_a_program(whole: Path, tmp_path: Path) -> None:
    program = "".join(block.text for block in blocks("python") if block.page == "docs/python.md")
    program = program.replace('"rise-home"', repr(str(whole))).replace('"demo"', '"whole"')
    program = program.replace('load_config("whole"', 'load_config("demo"')
    command = [sys.executable, "-c", program]

    result = subprocess.run(command, env=environment(whole), cwd=tmp_path, capture_output=True, text=True, timeout=300)

    assert result.returncode == 0, result.stderr[-4000:]
    printed = result.stdout.splitlines()
    assert any(line.startswith("gain_parallel") for line in printed)
    assert printed[-1].startswith("1 ")
    assert printed[-1].endswith("fine-tuned/out")
    assert list((tmp_path / "fine-tuned/out").glob("*.safetensors"))

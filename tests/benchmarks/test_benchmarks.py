"""The benchmarks' scripts and their page belong together; what they measure is not asserted here."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
NAMES = re.findall(r"<!-- begin (\w+) -->", (ROOT / "docs/performance.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_every_part_of_the_page_has_a_script_that_runs_alone(name: str) -> None:
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), "--help"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert f"benchmarks/{name}.py" in result.stdout


def test_a_part_is_replaced_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = spec_from_file_location("bench_all", BENCHMARKS / "all.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    page = "# P\n\n<!-- begin a -->\nold\n<!-- end a -->\n\n<!-- begin b -->\nkept\n<!-- end b -->\n"

    once = module.filled(page, "a", "| new |\n")

    assert once == page.replace("\nold\n", "\n\n| new |\n\n")
    assert module.filled(once, "a", "| new |\n") == once

"""The method needs no engine, trainer, orchestrator or database: importing takes a moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import rise_core.method

HEAVY = {"ray", "torch", "vllm", "prefect", "duckdb", "transformers", "pyarrow", "omegaconf"}
MODULES = sorted(file.stem for file in Path(rise_core.method.__file__).parent.glob("*.py") if file.stem != "__init__")
SCRIPT = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(f"rise_core.method.{name}")
print(json.dumps(sorted(name.partition(".")[0] for name in sys.modules)))
"""


def test_importing_the_method_imports_nothing_heavy() -> None:
    assert "selection" in MODULES
    command = [sys.executable, "-c", SCRIPT, *MODULES]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert HEAVY & set(json.loads(result.stdout)) == set()

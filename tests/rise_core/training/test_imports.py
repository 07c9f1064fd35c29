"""The training code must run where there is torch, transformers and peft and nothing else of this project's needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BLOCKED = ("ray", "vllm", "prefect", "duckdb", "pyarrow", "omegaconf", "reasoning_gym", "math_verify")
PROGRAM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError("blocked: " + name, name=name)

sys.meta_path.insert(0, Blocked())
import {module}
"""


def imported(module: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(blocked=set(BLOCKED), module=module)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)


def test_the_training_loop_imports_without_the_rest() -> None:
    result = imported("rise_core.training.trainer")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("module", ["duckdb", "rise_core.training.row_file"])
def test_the_block_blocks(module: str) -> None:
    result = imported(module)
    assert result.returncode == 1
    assert "ModuleNotFoundError: blocked: " in result.stderr


def test_the_gpu_benchmark_says_in_one_line_that_there_is_no_gpu() -> None:
    script = Path(__file__).resolve().parents[3] / "benchmarks" / "gpu_training.py"
    command = [sys.executable, str(script)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, env={"CUDA_VISIBLE_DEVICES": ""})
    assert result.returncode == 2
    assert result.stdout == ""
    assert (
        result.stderr == "no CUDA GPU here: run this on a machine with one, or try it with --device cpu --shapes tiny\n"
    )

"""Records and helper processes for the storage tests."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from rise_core.records import Metric, Rollout
from storage.checkpoints import CheckpointRecord
from storage.lake import Lake
from storage.publishing import Published

ROOT = Path(__file__).resolve().parents[2]

ROLLOUT = Rollout(
    run="r1",
    iteration=1,
    purpose="collect",
    split="train",
    problem_id="p0",
    shard=0,
    turn=1,
    sample=0,
    policy="0123456789ab",
    response="4 plus 5 is 9 — 'so' \"9\"",
    response_ids=[7, 8, 9, 2],
    prompt_tokens=12,
    finish_reason="stop",
    repetitive=False,
    seed=2**62 + 1,
    latency=0.25,
    answer="9",
    verdict="correct",
    reward=1.0,
)


def rollout(**changes: object) -> Rollout:
    return replace(ROLLOUT, **changes)  # type: ignore[arg-type]


def shard_rows(shard: int, count: int = 50) -> list[Rollout]:
    """Rollouts of a work unit: `count` problems with a rollout each."""
    return [rollout(shard=shard, problem_id=f"p{shard}-{i}") for i in range(count)]


def metric(name: str, value: float, split: str = "eval") -> Metric:
    """Return a metric of 300 problems with an interval around `value`."""
    return Metric(split=split, metric=name, value=value, ci_low=value - 0.05, ci_high=value + 0.05, n=300)


def count_rollouts(lake: Lake) -> int:
    """Return the number of rows of table `rollouts`."""
    return int(lake.query("SELECT count(*) AS n FROM rollouts")["n"][0].as_py())


def model_folder(folder: Path, value: float = 1.0) -> Path:
    """Write weights, a config and a tokenizer file into `folder`."""
    (folder / "tokenizer").mkdir(parents=True)
    save_file({"w": np.full(4, value, np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer" / "vocab.txt").write_text("a b c")
    return folder


def checkpoint(run: str, iteration: int, name: str) -> CheckpointRecord:
    """Return the row of a checkpoint without files."""
    return CheckpointRecord(
        run=run, iteration=iteration, kind="full", base_id=None, steps=1, tokens=100 * (iteration + 1), seconds=1.0,
        training_log=[], checkpoint_id=name, path=name, sha256=name, bytes=1, files={},
    )  # fmt: skip


def checkpoint_of(published: Published, **changes: object) -> CheckpointRecord:
    """Return the row of a published folder: iteration 1 of run r1, full weights."""
    values = {"run": "r1", "iteration": 1, "kind": "full", "base_id": None, **asdict(published), **changes}
    return CheckpointRecord(**values)  # type: ignore[arg-type]


def start(module: str, *args: object) -> subprocess.Popen[str]:
    """Start a helper process of the storage tests; the process prints a line for each step."""
    command = [sys.executable, "-m", f"tests.storage.{module}", *map(str, args)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1)

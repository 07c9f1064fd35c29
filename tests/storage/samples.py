"""Records and helper processes for the storage tests."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from rise.core.records import Rollout

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
    """One shard's turn: `count` problems, one rollout each."""
    return [rollout(shard=shard, problem_id=f"p{shard}-{i}") for i in range(count)]


def start(module: str, *args: object) -> subprocess.Popen[str]:
    """A helper process of these tests; it prints one line a step."""
    command = [sys.executable, "-m", f"tests.storage.{module}", *map(str, args)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1)

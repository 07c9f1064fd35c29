"""Contents of a lake by key, and the differences from the lake of an undisturbed run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from storage import checkpoints
from storage.home import Home
from storage.lake import Lake
from tests.faults.profile import RUN

# Responses, verdicts and hashes of checkpoints are part of the keys: on the CPU every run gives the same bytes, so the
# comparison also covers responses sampled again and checkpoints trained again.
KEYS = {
    "runs": "run, profile, goal",
    "problems": "run, split, position, problem_id",
    "rollouts": "run, iteration, purpose, split, problem_id, shard, turn, sample, response, verdict",
    "examples": "run, iteration, problem_id, turn, sample",
    "checkpoints": "run, iteration, checkpoint_id",
    "metrics": "run, iteration, split, metric, value, n",
    "evaluations": "run, split",
}
Contents = dict[str, Counter[tuple[object, ...]]]


def contents(home: Path) -> Contents:
    """Count the rows of every key, table by table."""
    with Lake(Home(home).lake, read_only=True) as lake:
        return {
            table: Counter(tuple(row.values()) for row in lake.query(f"SELECT {keys} FROM {table}").to_pylist())
            for table, keys in KEYS.items()
        }


def differences(undisturbed: Contents, home: Path) -> tuple[list[str], list[str]]:
    """Compare a home with the undisturbed run. Returns: missing rows and extra rows, one line per table."""
    stored = contents(home)
    missing = [f"{n} of {table}" for table in KEYS if (n := (undisturbed[table] - stored[table]).total())]
    extra = [f"{n} of {table}" for table in KEYS if (n := (stored[table] - undisturbed[table]).total())]
    with Lake(Home(home).lake, read_only=True) as lake:
        for iteration in (0, 1):
            if checkpoints.has(lake, RUN, iteration):
                checkpoints.open_checkpoint(home, lake, RUN, iteration)
    return missing, extra + [f"staged {path.name}" for path in (home / "runs" / RUN / "staging").glob("*")]


def rows(undisturbed: Contents) -> int:
    return sum(keys.total() for keys in undisturbed.values())

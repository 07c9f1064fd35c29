"""What `rise solve` and `rise export` take from a run: a checkpoint, its files checked against their hashes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rise.core.errors import UserError
from rise.core.records import EVAL_SPLIT, Checkpoint, Problem
from rise.storage import checkpoints
from rise.storage.checkpoints import CheckpointRecord
from rise.storage.home import Home
from rise.storage.lake import Lake
from rise.storage.runs import RunRecord, get_run, read_problems


@dataclass(frozen=True, slots=True)
class Trained:
    """`weights` is a folder of full weights with tokenizer and chat template; `adapter`, under LoRA, stands on it."""

    run: RunRecord
    checkpoint: CheckpointRecord
    weights: Path
    adapter: Path | None

    @property
    def policy(self) -> Checkpoint:
        return Checkpoint(self.checkpoint.checkpoint_id, str(self.weights), str(self.adapter) if self.adapter else None)


def trained(home: Home, lake: Lake, run: str, iteration: int | None) -> Trained:
    """The checkpoint of an iteration, by default of the newest that has one.

    Raises UserError where the run or its checkpoint is not there, or a file is not the one that was published.
    """
    record = get_run(lake, run)
    found = lake.query("SELECT iteration FROM checkpoints WHERE run = ? ORDER BY iteration", [run])
    iterations: list[int] = found["iteration"].to_pylist()
    if not iterations:
        raise UserError(f"run {run!r} has no checkpoint yet; `rise run` goes on with it")
    wanted = iterations[-1] if iteration is None else iteration
    checkpoint = checkpoints.get(lake, run, wanted)
    if checkpoint is None:
        there = ", ".join(map(str, iterations))
        raise UserError(f"run {run!r} has no checkpoint of iteration {wanted}; it has those of {there}")
    own = checkpoints.verify(home.path, checkpoint)
    if checkpoint.kind == "full":
        return Trained(record, checkpoint, own, None)
    base = checkpoints.get(lake, run, 0)
    if base is None:
        raise UserError(f"run {run!r}: the base of adapter {checkpoint.checkpoint_id} is not in the lake")
    return Trained(record, checkpoint, checkpoints.verify(home.path, base), own)


def known_problem(lake: Lake, run: str, text: str) -> Problem | None:
    """The run's own problem of exactly that text, if it has one; a held-out one first."""
    sql = (
        "SELECT split, problem_id FROM problems WHERE run = ? AND problem = ?"
        " ORDER BY split <> ?, split, position LIMIT 1"
    )
    found = lake.query(sql, [run, text, EVAL_SPLIT]).to_pylist()
    if not found:
        return None
    split, problem_id = found[0]["split"], found[0]["problem_id"]
    return next(problem for problem in read_problems(lake, run, split) if problem.problem_id == problem_id)

"""Work done twice: an evaluation dies after training, or two processes advance the same run at once."""

from __future__ import annotations

from pathlib import Path

from storage.home import Home
from storage.lake import Lake
from tests.faults.damage import killed_at
from tests.faults.profile import COMMAND, RUN
from tests.faults.suite import fault
from tests.faults.trial import PATIENCE, Trial
from tests.flows.command import rise
from tests.flows.moments import sampled


@fault("evaluation-killed", "SIGKILL of an evaluation after training (training is not repeated)")
def evaluation_killed(trial: Trial) -> None:
    killed_at(trial, sampled(RUN, "eval_*-1-*"))
    trial.faults += 1
    before = trained(trial.home)
    trial.resume()
    if not trial.wait() or trained(trial.home) != before or "steps, " in trial.log.read_text():
        trial.failures.append("trained again")
    trial.start()  # the run is complete: nothing is left to do


def trained(home: Path) -> tuple[object, list[int]]:
    """Return the row of checkpoint 1, time included, and the modification times of the files."""
    with Lake(Home(home).lake, read_only=True) as lake:
        (row,) = lake.query("SELECT * EXCLUDE (training_log) FROM checkpoints WHERE iteration = 1").to_pylist()
    return row, [path.stat().st_mtime_ns for path in sorted((home / row["path"]).rglob("*"))]


@fault("two-at-once", "two processes that advance the same run at once")
def two_at_once(trial: Trial) -> None:
    trial.copy_base()
    trial.start()
    trial.until(lambda home: (home / "runs" / RUN / "lock").exists(), after=20.0)
    second = rise(trial.home, *COMMAND, timeout=PATIENCE)
    trial.faults += 1
    words = (second.stderr.strip().splitlines() or ["nothing"])[-1]
    trial.tell(f"the second ended with {second.returncode}: {words}")
    if second.returncode != 0:
        trial.ends.append(words)
    if second.returncode not in (0, 2):
        trial.notes.append("the second ended without a clear line")

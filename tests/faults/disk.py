"""A full disk: a small file system under the home is filled in the middle of a run and emptied afterwards."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from pathlib import Path

import psutil

from tests.faults.profile import RUN
from tests.faults.suite import fault
from tests.faults.trial import Trial
from tests.flows.command import living
from tests.flows.moments import Moment, sampled, training

SIZE = "200m"
LEFT = 8192  # most bytes left free: fewer than the file of a work unit or of a checkpoint needs


@fault("disk-full-parquet", "the disk full while Parquet is written")
def parquet(trial: Trial) -> None:
    fill_at(trial, sampled(RUN, "collect-1-*"), after=1.0)


@fault("disk-full-checkpoint", "the disk full while a checkpoint is written")
def checkpoint(trial: Trial) -> None:
    fill_at(trial, training(RUN), after=0.5)


def fill_at(trial: Trial, moment: Moment, after: float) -> None:
    trial.home.mkdir()
    mounted = mount(trial)
    trial.copy_base()
    trial.start()
    trial.until(moment, after=after)
    left = trial.random.randint(0, LEFT)
    trial.faults += 1
    if mounted:
        ballast = trial.home / "ballast"
        fill(ballast, left)
        trial.tell(f"the disk is full but for {shutil.disk_usage(trial.home).free} bytes")
    else:
        limit(trial, left)
    ended_well = trial.wait()
    if mounted:
        ballast.unlink()
    if not ended_well:
        trial.resume()


def mount(trial: Trial) -> bool:
    """Mount a small file system on the home, where the user may mount. Returns: whether the mount worked."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", trial.home], capture_output=True)
    if done.returncode == 0:
        trial.undo.callback(subprocess.run, ["umount", "--lazy", trial.home], check=True)
    return done.returncode == 0


def fill(ballast: Path, left: int) -> None:
    """Allocate all free space but `left` bytes. The run may allocate in between, so look and allocate again."""
    with ballast.open("wb") as file:
        while True:
            free = shutil.disk_usage(ballast.parent).free
            try:
                os.posix_fallocate(file.fileno(), 0, max(1, free - left))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            else:
                return


def limit(trial: Trial, left: int) -> None:
    """Limit every file of the run's processes to `left` bytes: the substitute where the user may not mount."""
    for pid, command in living(trial.home).items():
        if "rise run" in command or "ray::" in command:
            psutil.Process(pid).rlimit(resource.RLIMIT_FSIZE, (left, left))
    trial.tell(f"RLIMIT_FSIZE of {left} bytes")

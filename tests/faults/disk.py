"""The disk full: a small file system under the home, filled up in the middle of a run, and space again afterwards."""

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
LEFT = 8192  # bytes that are left at most: less than a shard's turn or a checkpoint takes


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
    """Put a small file system under the home, where this user may mount one."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", trial.home], capture_output=True)
    if done.returncode == 0:
        trial.undo.callback(subprocess.run, ["umount", "--lazy", trial.home], check=True)
    return done.returncode == 0


def fill(ballast: Path, left: int) -> None:
    """Take all room but `left` bytes; the run may take some between the look and the taking."""
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
    """Where nothing can be mounted: no file of the run's processes may grow beyond LEFT bytes any more."""
    for pid, command in living(trial.home).items():
        if "rise run" in command or "ray::" in command:
            psutil.Process(pid).rlimit(resource.RLIMIT_FSIZE, (left, left))
    trial.tell(f"RLIMIT_FSIZE of {left} bytes")

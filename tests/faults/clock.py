"""A clock set back by up to an hour in the middle of a run, by a small library loaded into the run's processes.

The kernel's clock stays right for everything else on the machine.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

from tests.faults.profile import RUN
from tests.faults.suite import fault
from tests.faults.trial import Trial
from tests.flows.moments import sampled

SOURCE = Path(__file__).parent / "clock.c"


@fault("clock-back", "the clock set back by 1 to 60 minutes")
def clock_back(trial: Trial) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "the clock of one run cannot be set without a C compiler"
    library, shift = trial.folder / "clock.so", trial.folder / "shift"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    shift.write_bytes(struct.pack("q", 0))
    trial.extra = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(shift)}
    trial.copy_base()
    trial.start()
    trial.until(sampled(RUN, "collect-1-*"), after=3.0)
    seconds = trial.random.randint(60, 3600)
    with shift.open("r+b") as file:  # written in place: the processes map the file
        file.write(struct.pack("q", -seconds))
    trial.faults += 1
    trial.tell(f"the clock is {seconds} s back")

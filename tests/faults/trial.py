"""One try of one fault: a run in its own home, the disturbance, and the end."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from subprocess import Popen, TimeoutExpired

import psutil

from tests.faults.profile import COMMAND
from tests.flows.command import RISE, living, started
from tests.flows.moments import Moment, wait_for

PATIENCE = 420.0  # seconds for anything that a run may take
RESUMES = 3  # repetitions of the same command until a run counts as unable to end


class Trial:
    """A try. `random` decides all moments, and the seed is printed, so a try can be repeated."""

    def __init__(self, folder: Path, base: Path, number: int, seed: int) -> None:
        self.folder, self.number, self.random = folder, number, Random(seed)  # noqa: S311
        self.home, self.log = folder / "home", folder / "log.txt"
        self.base = base
        self.process: Popen[bytes] | None = None
        self.undo = ExitStack()  # clean-up after the comparison
        self.extra: dict[str, str] = {}  # environment of every start
        self.notes: list[str] = []
        self.failures: list[str] = []  # broken promises other than lost rows
        self.faults = 0
        self.resumes = 0
        self.ends: list[str] = []  # last line of each start that failed

    # -- the run -------------------------------------------------------------------------------------------------------

    def copy_base(self) -> None:
        """Begin with a home whose base model is trained and evaluated."""
        shutil.copytree(self.base, self.home, dirs_exist_ok=True)

    def start(self, *overrides: str, program: Sequence[str] = (RISE,), extra: Mapping[str, str] | None = None) -> None:
        self.log.write_text("")
        self.process = started(
            self.home, self.log, *COMMAND, *overrides, program=program, extra=self.extra | dict(extra or {})
        )

    def until(self, moment: Moment, *, after: float = 0.0) -> None:
        """Wait for a moment of the run, then a random time of at most `after` seconds."""
        assert self.process is not None
        wait_for(moment, self.home, self.process, self.log, pause=0.005, timeout=PATIENCE)
        delay = self.random.uniform(0.0, after)
        self.tell(f"{delay:.2f} s after the moment")
        time.sleep(delay)

    def wait(self) -> bool:
        """Wait for the end of the process, and end processes left behind. Returns: whether the exit status was 0."""
        assert self.process is not None
        try:
            status = self.process.wait(PATIENCE)
        except TimeoutExpired:
            self.notes.append("hung")
            status = None
        if status != 0:
            self.ends.append(self.last_words(status))
            self.tell(f"ended with {status}: {self.ends[-1]}")
        self.sweep()
        return status == 0

    def finish(self) -> None:
        """Wait for the end; after a failure give the same command again."""
        for _ in range(RESUMES):
            if self.wait():
                return
            self.resume()
        if not self.wait():
            self.failures.append("the run could not be finished")

    def resume(self) -> None:
        self.resumes += 1
        self.start()

    # -- the disturbance -----------------------------------------------------------------------------------------------

    def tell(self, text: str) -> None:
        print(f"    {text}", flush=True)

    def signal(self, names: Sequence[str], sign: signal.Signals) -> int:
        """Signal the run's processes whose command line holds one of the names. Returns: the number of processes."""
        pids = [pid for pid, command in living(self.home).items() if any(name in command for name in names)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, sign)
        self.faults += bool(pids)
        self.tell(f"{sign.name} to {len(pids)} of {'/'.join(names)}")
        return len(pids)

    def last_words(self, status: int | None) -> str:
        """Return the last line for the user: the command's own error line, or the signal of the end."""
        text = self.log.read_text(errors="replace")
        if status is not None and status < 0:
            return f"killed by {signal.Signals(-status).name}"
        lines = [line for line in text.splitlines() if line.strip()]
        clear = [line for line in lines if line.startswith("rise: ")]
        if not clear:
            self.notes.append("no clear line at the end")
        return [*lines, *clear][-1] if lines else "nothing"

    def sweep(self) -> None:
        """End processes that live half a minute after the command's end, by id, and note each as left behind."""
        deadline = time.monotonic() + 30
        while living(self.home) and time.monotonic() < deadline:
            time.sleep(0.2)
        for pid, command in living(self.home).items():
            self.notes.append(f"left running: {command[:60]}")
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()

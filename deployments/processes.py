"""Background processes that outlive their command, found again by records on disk.

No supervisor (supervisord, circus, honcho) was taken: a supervisor is one more daemon to find again and to end, and
supervisord fixes the environment of every program (password, port) when the daemon starts. The order of `make server`
(wait for health, deploy, end flow runs before the worker) would stay as own code beside a supervisor.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

_POLL_SECONDS = 0.2


class RecordedProcess:
    """A background process with record `<name>.pid` and log `<name>.log` in a folder.

    The record holds the process id, a note, and a stamp, because a later process may get the same id.

    Args:
        path: Folder and name, without a suffix.
    """

    def __init__(self, path: Path) -> None:
        self.name, self.log = path.name, path.with_suffix(".log")
        self.pid, self.note = 0, ""
        self._record, self._stamp = path.with_suffix(".pid"), ""
        if self._record.exists():
            pid, self._stamp, self.note = [*self._record.read_text().split("\n"), "", ""][:3]
            self.pid = int(pid or 0)

    def is_alive(self) -> bool:
        """Tell whether the recorded process still runs."""
        return bool(self._stamp) and process_stamp(self.pid) == self._stamp

    def was_started_with(self, env: Mapping[str, str], *names: str) -> bool:
        """Tell whether the process runs, started with the values of `env` for some variables."""
        try:
            own = psutil.Process(self.pid).environ()
        except psutil.Error:
            return False
        return self.is_alive() and all(own.get(name) == env.get(name) for name in names)

    def start(self, command: list[str], env: dict[str, str], folder: Path, note: str = "") -> None:
        """Start and record the process, in a separate session: the terminal's Ctrl-C does not reach it.

        Args:
            env: The whole environment of the process.
            folder: The working directory.
            note: A line to read back as `note`.
        """
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.pid, self._stamp, self.note = process.pid, process_stamp(process.pid), note
        self._record.write_text(f"{self.pid}\n{self._stamp}\n{self.note}\n")

    def end(self, seconds: float, children_first: bool = False) -> None:
        """End the process, by force after a while, and remove the record.

        Args:
            seconds: Time until SIGKILL, for the process and its children together.
            children_first: End the children before the process.
        """
        if self.is_alive():
            print(f"stopping the {self.name} (process {self.pid})", flush=True)
            deadline = time.monotonic() + seconds
            process = psutil.Process(self.pid)
            children = process.children() if children_first else []
            _send(children, signal.SIGTERM)
            _, children = psutil.wait_procs(children, timeout=seconds)
            _send([process], signal.SIGTERM)
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            _send(children, signal.SIGKILL)
            if self.is_alive():
                os.killpg(self.pid, signal.SIGKILL)
        self._record.unlink(missing_ok=True)


def process_stamp(pid: int) -> str:
    """Return the boot's id and the start time of a process, or "" after the end.

    Time counts in clock ticks since boot, so a change of the wall clock (as in psutil's create_time) has no effect.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return ""
    state, *fields = text.rpartition(")")[2].split()  # the name in front may hold any character
    # The first thread may end before the others, which still hold the process's ports: a zombie with threads is alive.
    return "" if state == "Z" and len(threads) == 1 else f"{boot} {fields[18]}"


def _send(processes: list[psutil.Process], sign: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # psutil never signals a later process with the same id
            process.send_signal(sign)

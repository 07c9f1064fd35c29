"""A process that outlives the command that started it: found again by its recorded id, ended with its group."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path


class Recorded:
    """`<place>.pid` holds the process's id, its stamp (which tells it from a later process of that id) and a note;
    `<place>.log` what it prints."""

    def __init__(self, place: Path) -> None:
        self.name, self.file, self.log = place.name, place.with_suffix(".pid"), place.with_suffix(".log")
        self.pid, self.stamp, self.note = 0, "", ""
        if self.file.exists():
            pid, self.stamp, self.note = [*self.file.read_text().split("\n"), "", ""][:3]
            self.pid = int(pid or 0)

    def alive(self) -> bool:
        return bool(self.stamp) and stamp(self.pid) == self.stamp

    def has(self, env: Mapping[str, str], *names: str) -> bool:
        """Whether it lives and was started with these variables as they are in `env`."""
        try:
            lines = os.fsdecode(Path(f"/proc/{self.pid}/environ").read_bytes()).split("\0")
        except OSError:  # it is gone
            return False
        began = dict(line.split("=", 1) for line in lines if "=" in line)
        return self.alive() and all(began.get(name) == env.get(name) for name in names)

    def start(self, command: list[str], env: dict[str, str], folder: Path, note: str = "") -> None:
        """Start it in a session of its own, out of reach of the terminal's Ctrl-C."""
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.pid, self.stamp, self.note = process.pid, stamp(process.pid), note
        self.file.write_text(f"{self.pid}\n{self.stamp}\n{self.note}\n")

    def end(self, seconds: float, children_first: bool = False) -> None:
        """Ask it to end, wait, and end by force what has not; its record goes."""
        if self.alive():
            print(f"stopping the {self.name} (process {self.pid})", flush=True)
            children = {pid: stamp(pid) for pid in children_of(self.pid)} if children_first else {}
            deadline = time.monotonic() + seconds
            for pid, known in children.items():
                send(pid, known, signal.SIGTERM)
            while any(stamp(pid) == known for pid, known in children.items()) and time.monotonic() < deadline:
                time.sleep(0.2)
            send(self.pid, self.stamp, signal.SIGTERM)
            while self.alive() and time.monotonic() < deadline:
                time.sleep(0.2)
            for pid, known in children.items():
                send(pid, known, signal.SIGKILL)
            if self.alive():
                os.killpg(self.pid, signal.SIGKILL)
        self.file.unlink(missing_ok=True)


def stamp(pid: int) -> str:
    """When a process began, in this boot of the machine; "" where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return ""
    state, *fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    # The first thread may have ended before the others, which still hold the process's ports.
    return "" if state == "Z" and len(threads) == 1 else f"{boot} {fields[18]}"


def children_of(pid: int) -> list[int]:
    """Also those that another of its threads has started."""
    try:
        lists = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for text in lists for child in text.split()]


def send(pid: int, known: str, sign: signal.Signals) -> None:
    """Signal a process, if it is still the one that was meant."""
    if stamp(pid) == known:
        os.kill(pid, sign)

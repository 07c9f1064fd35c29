"""When a recorded process counts as gone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from deployments.processes import process_stamp

# Its first thread ends at once, another one at the end of stdin.
HALF_GONE = """
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def until_zombie(pid: int) -> None:
    deadline = time.monotonic() + 60
    while state(pid) != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_is_not_gone_while_one_of_its_threads_lives() -> None:
    """Such a thread holds its files and its ports."""
    with subprocess.Popen([sys.executable, "-c", HALF_GONE], stdin=subprocess.PIPE) as process:
        assert process.stdin
        until_zombie(process.pid)
        began = process_stamp(process.pid)
        assert began
        process.stdin.close()
        deadline = time.monotonic() + 60
        while process_stamp(process.pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert not process_stamp(process.pid)

"""Command `rise` on a home of its own: in a process, as a user starts it, or inside the test's process."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner, Result

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = str(ROOT / "tests/profiles/tiny.yaml")
RISE = str(Path(sys.executable).parent / "rise")


def environment(home: Path) -> dict[str, str]:
    """The user's environment without settings of services, and RISE_HOME, by which a run's processes are found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RISE_", "RAY_"))}
    return kept | {"RISE_HOME": str(home)}


def rise(home: Path, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run to the end; the caller looks at the exit status."""
    return subprocess.run([RISE, *arguments], env=environment(home), capture_output=True, text=True, timeout=timeout)


def finished(home: Path, *arguments: str, timeout: float = 600) -> str:
    """Standard output of a command that must succeed."""
    result = rise(home, *arguments, timeout=timeout)
    assert result.returncode == 0, f"{arguments}: {result.stderr[-4000:]}"
    return result.stdout


def inside(home: Path, *arguments: str) -> Result:
    """Run a command that starts no service inside this process, which saves a second of imports."""
    from rise.flows.cli.app import app  # here and in `query`: every start of pytest imports this module

    settings = environment(home) | {"PREFECT_HOME": str(home / "prefect")}
    with patch.dict(os.environ, settings, clear=True):
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def printed(home: Path, *arguments: str) -> str:
    """Standard output of a command that runs inside this process and must succeed."""
    result = inside(home, *arguments)
    assert result.exit_code == 0, f"{arguments}: {result.stderr[-4000:]}"
    return result.stdout


def query(home: Path, sql: str, version: int | None = None) -> list[dict[str, Any]]:
    """Rows of a query, as `rise query SQL --format json` prints them."""
    from rise.flows.cli.printing import write_rows
    from rise.storage.location import LakeLocation
    from rise.storage.query import run_query

    with redirect_stdout(io.StringIO()) as output:
        write_rows(run_query(LakeLocation.from_home(home), sql, version), "json")
    rows: list[dict[str, Any]] = json.loads(output.getvalue())
    return rows


def started(
    home: Path, log: Path, *arguments: str, program: Sequence[str] = (RISE,), extra: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A command (of another program than `rise`, with more in its environment) in a process group of its own."""
    env = environment(home) | dict(extra or {})
    with log.open("ab") as output:
        return subprocess.Popen(
            [*program, *arguments], env=env, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)


# A killed driver's Ray agents go by themselves within about a minute; they hold neither cores nor engines.
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")


# Python's own keeper of a process's shared memory: it ends when it reads that its owner is gone, a moment after it.
TRACKER = "from multiprocessing.resource_tracker import main"


def processes_of(home: Path) -> list[str]:
    """The command lines of the living processes that were started for a home. Where only trackers are left, they get
    ten seconds to end."""
    deadline = time.monotonic() + 10
    while (commands := list(living(home).values())) and all(TRACKER in command for command in commands):
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return commands


def living(home: Path) -> dict[int, str]:
    """The processes that were started for a home, whatever their parent and group: id and command line."""
    mark = f"RISE_HOME={home}".encode()
    commands = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            if mark in (entry / "environ").read_bytes().split(b"\0") and not command.startswith(AGENTS):
                commands[int(entry.name)] = command
        except OSError:  # gone meanwhile, or another user's
            continue
    return commands

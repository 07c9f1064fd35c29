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
    """Return the user's environment with RISE_HOME, the mark of a run's processes, and without service settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RISE_", "RAY_"))}
    return kept | {"RISE_HOME": str(home)}


def rise(home: Path, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run a command as a process to the end. The caller checks the exit status."""
    return subprocess.run([RISE, *arguments], env=environment(home), capture_output=True, text=True, timeout=timeout)


def finished(home: Path, *arguments: str, timeout: float = 600) -> str:
    """Run a command as a process to a successful end. Returns: standard output."""
    result = rise(home, *arguments, timeout=timeout)
    assert result.returncode == 0, f"{arguments}: {result.stderr[-4000:]}"
    return result.stdout


def inside(home: Path, *arguments: str) -> Result:
    """Run a command without services inside this process: a second of imports less than a process."""
    from flows.cli.app import app  # here and in `query`: every start of pytest imports this module

    settings = environment(home) | {"PREFECT_HOME": str(home / "prefect")}
    with patch.dict(os.environ, settings, clear=True):
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def printed(home: Path, *arguments: str) -> str:
    """Run a command inside this process to a successful end. Returns: standard output."""
    result = inside(home, *arguments)
    assert result.exit_code == 0, f"{arguments}: {result.stderr[-4000:]}"
    return result.stdout


def query(home: Path, sql: str, version: int | None = None) -> list[dict[str, Any]]:
    """Return the rows of a query in the form of `rise query SQL --format json`."""
    from flows.cli.printing import write_rows
    from storage.location import LakeLocation
    from storage.query import run_query

    with redirect_stdout(io.StringIO()) as output:
        write_rows(run_query(LakeLocation.from_home(home), sql, version), "json")
    rows: list[dict[str, Any]] = json.loads(output.getvalue())
    return rows


def started(
    home: Path, log: Path, *arguments: str, program: Sequence[str] = (RISE,), extra: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own, by default of `rise`; `extra` adds environment variables."""
    env = environment(home) | dict(extra or {})
    with log.open("ab") as output:
        return subprocess.Popen(
            [*program, *arguments], env=env, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)


# The Ray agents of a killed driver end within about a minute. They hold neither cores nor engines.
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")


def processes_of(home: Path) -> list[str]:
    """Return the command lines of a home's processes that outlive their command by ten seconds.

    Ray ends its workers, and Python its trackers, a moment after the command.
    """
    deadline = time.monotonic() + 10
    while (commands := list(living(home).values())) and time.monotonic() < deadline:
        time.sleep(0.05)
    return commands


def living(home: Path) -> dict[int, str]:
    """Map the ids of a home's living processes, of any parent and group, to their command lines."""
    mark = f"RISE_HOME={home}".encode()
    commands = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            if mark in (entry / "environ").read_bytes().split(b"\0") and not command.startswith(AGENTS):
                commands[int(entry.name)] = command
        except OSError:  # the process has ended, or belongs to another user
            continue
    return commands

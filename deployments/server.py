"""`make server` and `make stop`: a local Prefect server, a process worker and the report pages of the home.

`make server` starts in order: Prefect server, wait until healthy, deploy prefect.yaml, report pages (on the port
after the server's), worker. A second `make server` starts whatever died. Database, logs and process ids lie in
<home>/server. Every port listens on the loopback interface only. With PREFECT_API_AUTH_STRING set, the server and the
pages ask for the password, and the worker sends it.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
from filelock import FileLock, Timeout

from deployments.processes import RecordedProcess
from flows.local.environment import AUTH, QUIET, SERVER_AUTH

_ROOT = Path(__file__).resolve().parent.parent
PREFECT = str(Path(sys.executable).parent / "prefect")
_LOCAL = "http://127.0.0.1:"
_READY_SECONDS = 180  # a first start makes the database
_FINISH_SECONDS = 45  # a flow run ends its engines and its training within that time
_CLIENT_SETTINGS = ("PREFECT_API_URL", AUTH)  # a client with other values cannot talk to the server
_Environment = dict[str, str]


class _Mistake(Exception):
    """A mistake of the user: cause and remedy in one line."""


def _start(folder: Path, port: int) -> None:
    """Start every missing process, deploy, and print the URLs.

    Args:
        folder: Folder of records, logs and database.
        port: The server's port; a running server keeps its own.
    """
    server, reports, worker = processes = _processes(folder)
    port = int(server.note) if server.is_alive() else port
    page_port = port + 1  # the same at every start: artifacts hold links to it
    url, page_url = f"{_LOCAL}{port}", pages_url(os.environ, page_port)
    env = server_environment(folder, url) | {"RISE_REPORTS_URL": page_url}
    if all(process.is_alive() for process in processes):
        print(f"running already: {url} (`make stop` ends it)")
        return
    if not server.is_alive():
        reports.end(_FINISH_SECONDS)  # port and password are those of the dead server
    for process, process_port in ((server, port), (reports, page_port)):
        if not process.is_alive():
            _check_port_free(process_port, server)
    if not server.is_alive():
        if not worker.was_started_with(env, *_CLIENT_SETTINGS):  # it would ask the dead server for ever
            worker.end(_FINISH_SECONDS, children_first=True)
        address = ("--host", "127.0.0.1", "--port", str(port))
        server.start([PREFECT, "server", "start", *address], env, _ROOT, note=str(port))
    wait_until(lambda: is_healthy(url), server)
    deploy(env)
    # Pages come after the calls above, which fail with a wrong password: pages ask for the password of this start.
    if not reports.is_alive():
        reports.start([sys.executable, "-m", "deployments.reports", "--port", str(page_port)], env, _ROOT)
        wait_until(lambda: _is_taken(page_port), reports)
    if not worker.is_alive():
        worker.start([PREFECT, "worker", "start", "--pool", "rise", "--name", "local"], env, _ROOT)
        wait_until(lambda: "started!" in worker.log.read_text(errors="replace"), worker)
    print(f"RISE is ready: {url}/deployments  (logs: {folder}; `make stop` ends it)")
    print(f"pages of runs: {page_url}/runs/RUN/report.html")
    print(f"for commands in this shell: export PREFECT_API_URL={url}/api RISE_REPORTS_URL={page_url}")


def _stop(folder: Path) -> None:
    """End every process of `_start`; flow runs in progress come first, and end their engines."""
    server, reports, worker = processes = _processes(folder)
    if not any(process.is_alive() for process in processes):
        print("nothing is running")
    worker.end(_FINISH_SECONDS, children_first=True)
    reports.end(_FINISH_SECONDS)
    server.end(_FINISH_SECONDS)


def deploy(env: Mapping[str, str]) -> None:
    """Make the work pool if missing, and create or update the deployments of prefect.yaml."""
    run_command(env, sys.executable, "-c", "from flows.local.provision import make_pool; make_pool()")
    run_command(env, PREFECT, "--no-prompt", "deploy", "--all")


def run_command(env: Mapping[str, str], *command: str) -> None:
    """Run a command in the checkout; a failure is an error in one line."""
    result = subprocess.run(command, env=env, cwd=_ROOT, capture_output=True, text=True, timeout=_READY_SECONDS)
    if result.returncode:
        raise _Mistake(f"{' '.join(command)} failed: {result.stdout}{result.stderr}")


def pages_url(environ: Mapping[str, str], port: int) -> str:
    """Return the URL of the pages for browsers: RISE_REPORTS_URL, or the pages' own port.

    A loopback URL in the variable comes from an earlier start, and does not count.
    """
    url = environ.get("RISE_REPORTS_URL", "").rstrip("/")
    return f"{_LOCAL}{port}" if not url or url.startswith(_LOCAL) else url


def server_environment(folder: Path, url: str) -> _Environment:
    """Compose the environment of the server and the worker, inherited by the worker's flow runs."""
    env = {**QUIET, **os.environ}
    secret = env.get(AUTH)
    return env | {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"{url}/api",
        "RISE_HOME": str(folder.parent),
        # With leases in memory, the default, a restart of the server leaves slots of concurrency limits taken for ever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        **({SERVER_AUTH: secret} if secret else {}),
    }


def wait_until(ready: Callable[[], bool], process: RecordedProcess) -> None:
    """Wait until a started process is ready; its end or a time-out is an error."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.is_alive():
        if ready():
            return
        time.sleep(0.2)
    raise _Mistake(f"the start of the {process.name} failed; its log: {process.log}")


def is_healthy(url: str) -> bool:
    """Tell whether a Prefect server answers at `url`."""
    try:
        return httpx.get(f"{url}/api/health", timeout=5).is_success
    except httpx.TransportError:
        return False


def _processes(folder: Path) -> tuple[RecordedProcess, RecordedProcess, RecordedProcess]:
    """Read the records of server, report pages and worker."""
    return RecordedProcess(folder / "server"), RecordedProcess(folder / "reports"), RecordedProcess(folder / "worker")


def _check_port_free(port: int, server: RecordedProcess) -> None:
    if _is_taken(port):
        first = "make stop, then " if server.is_alive() else ""
        raise _Mistake(f"port {port} of 127.0.0.1 is taken by another program: {first}make server PORT={port + 2}")


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> int:
    """Run `start` or `stop` on RISE_HOME. A lock keeps a second command away from the same home."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("start", "stop"))
    parser.add_argument("--port", type=int, default=4200)
    arguments = parser.parse_args()
    folder = Path(os.environ.get("RISE_HOME") or _ROOT / "rise-home").expanduser().resolve() / "server"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            _start(folder, arguments.port) if arguments.command == "start" else _stop(folder)
    except Timeout:
        print("make: another `make server` or `make stop` is at work on this home; wait for it", file=sys.stderr)
        return 2
    except _Mistake as error:
        print(f"make {'server' if arguments.command == 'start' else 'stop'}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

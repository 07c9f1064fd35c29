"""`make server` and `make stop`: a local Prefect server with a process worker, the deployments of prefect.yaml, and the
report pages of the home, on the port after the server's.

Database, logs and process ids lie in <home>/server. All listens on the loopback interface only. Where
PREFECT_API_AUTH_STRING is set, the server and the pages ask for it and the worker has it.
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

from deployments.processes import Recorded
from rise.flows.local.environment import AUTH, QUIET, SERVER_AUTH

ROOT = Path(__file__).resolve().parent.parent
PREFECT = str(Path(sys.executable).parent / "prefect")
LOCAL = "http://127.0.0.1:"
READY_SECONDS = 180  # a first start makes the database
FINISH_SECONDS = 45  # for a flow run to end its engines and its training
SERVER = ("PREFECT_API_URL", AUTH)  # what its clients know it by
Environment = dict[str, str]


class Mistake(Exception):
    """What is wrong and what to do, in one line."""


def start(folder: Path, port: int) -> None:
    """Start what is not running, deploy, and say where the UI and the pages are."""
    server, reports, worker = parts = recorded(folder)
    port = int(server.note) if server.alive() else port
    pages = port + 1  # the same at every start: artifacts hold links to it
    url, page_url = f"{LOCAL}{port}", shown_at(os.environ, pages)
    env = environment(folder, url) | {"RISE_REPORTS_URL": page_url}
    if all(part.alive() for part in parts):
        print(f"running already: {url} (`make stop` ends it)")
        return
    if not server.alive():
        reports.end(FINISH_SECONDS)  # its port and its password are those of the server that is gone
    for part, its_port in ((server, port), (reports, pages)):
        if not part.alive():
            check_port_free(its_port, server)
    if not server.alive():
        if not worker.has(env, *SERVER):  # it knows the one that is gone
            worker.end(FINISH_SECONDS, children_first=True)
        address = ("--host", "127.0.0.1", "--port", str(port))
        server.start([PREFECT, "server", "start", *address], env, ROOT, note=str(port))
    wait_until(lambda: healthy(url), server)
    call(env, sys.executable, "-c", "from rise.flows.local.provision import make_pool; make_pool()")
    call(env, PREFECT, "--no-prompt", "deploy", "--all")
    if not reports.alive():  # not before the calls above, which a wrong password fails: the pages ask for the same one
        reports.start([sys.executable, "-m", "deployments.reports", "--port", str(pages)], env, ROOT)
        wait_until(lambda: taken(pages), reports)
    if not worker.alive():
        worker.start([PREFECT, "worker", "start", "--pool", "rise", "--name", "local"], env, ROOT)
        wait_until(lambda: "started!" in worker.log.read_text(errors="replace"), worker)
    print(f"RISE is ready: {url}/deployments  (logs: {folder}; `make stop` ends it)")
    print(f"pages of runs: {page_url}/runs/RUN/report.html")
    print(f"for commands in this shell: export PREFECT_API_URL={url}/api RISE_REPORTS_URL={page_url}")


def stop(folder: Path) -> None:
    """End what `start` started: flow runs in progress first, so that they can end their engines."""
    server, reports, worker = parts = recorded(folder)
    if not any(part.alive() for part in parts):
        print("nothing is running")
    worker.end(FINISH_SECONDS, children_first=True)
    reports.end(FINISH_SECONDS)
    server.end(FINISH_SECONDS)


def recorded(folder: Path) -> tuple[Recorded, Recorded, Recorded]:
    """The server, the report pages, the worker."""
    return Recorded(folder / "server"), Recorded(folder / "reports"), Recorded(folder / "worker")


def shown_at(given: Mapping[str, str], port: int) -> str:
    """Where browsers find the pages: where it was set by hand, but for what an earlier start told this shell."""
    url = given.get("RISE_REPORTS_URL", "").rstrip("/")
    return f"{LOCAL}{port}" if not url or url.startswith(LOCAL) else url


def environment(folder: Path, url: str) -> Environment:
    """Of the server and the worker, and so of the worker's flow runs."""
    env = {**QUIET, **os.environ}
    secret = env.get(AUTH)
    return env | {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"{url}/api",
        "RISE_HOME": str(folder.parent),
        # In memory, the default, a restart of the server would leave slots of concurrency limits taken for ever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        **({SERVER_AUTH: secret} if secret else {}),
    }


def check_port_free(port: int, server: Recorded) -> None:
    if taken(port):
        first = "make stop, then " if server.alive() else ""
        raise Mistake(f"port {port} of 127.0.0.1 is taken by another program: {first}make server PORT={port + 2}")


def taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/health", timeout=5).is_success
    except httpx.TransportError:
        return False


def wait_until(ready: Callable[[], bool], process: Recorded) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.alive():
        if ready():
            return
        time.sleep(0.2)
    raise Mistake(f"the start of the {process.name} failed; its log: {process.log}")


def call(env: Environment, *command: str) -> None:
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=READY_SECONDS)
    if done.returncode:
        raise Mistake(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("start", "stop"))
    parser.add_argument("--port", type=int, default=4200)
    given = parser.parse_args()
    folder = Path(os.environ.get("RISE_HOME") or ROOT / "rise-home").expanduser().resolve() / "server"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            start(folder, given.port) if given.what == "start" else stop(folder)
    except Timeout:
        print("make: another `make server` or `make stop` is at work on this home; wait for it", file=sys.stderr)
        return 2
    except Mistake as error:
        print(f"make {'server' if given.what == 'start' else 'stop'}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make server` and `make stop`: a local Prefect server with a process worker and the deployments of prefect.yaml.

Database, logs and process ids lie in <home>/server. The server listens on the loopback interface only. Where
PREFECT_API_AUTH_STRING is set, the server asks for it and the worker has it.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
from filelock import FileLock, Timeout

from deployments.processes import Recorded
from flows.environment import QUIET

ROOT = Path(__file__).resolve().parent.parent
PREFECT = str(Path(sys.executable).parent / "prefect")
READY_SECONDS = 180  # a first start makes the database
FINISH_SECONDS = 45  # for a flow run to end its engines and its training
Environment = dict[str, str]


class Mistake(Exception):
    """What is wrong and what to do, in one line."""


def start(folder: Path, port: int) -> None:
    """Start what is not running, deploy, and say where the UI is."""
    server, worker = Recorded(folder / "server"), Recorded(folder / "worker")
    url = f"http://127.0.0.1:{server.note if server.alive() else port}"
    env = environment(folder, url)
    if server.alive() and worker.alive():
        print(f"running already: {url} (`make stop` ends it)")
        return
    if not server.alive():
        refuse_taken(port)
        address = ("--host", "127.0.0.1", "--port", str(port))
        server.start([PREFECT, "server", "start", *address], env, ROOT, note=str(port))
    wait_until_up(url, env, server)
    call(env, sys.executable, "-c", "from flows.provision import make_pool; make_pool()")
    call(env, PREFECT, "--no-prompt", "deploy", "--all")
    if not worker.alive():
        worker.start([PREFECT, "worker", "start", "--pool", "rise", "--name", "local"], env, ROOT)
        wait_until_polling(worker)
    print(f"RISE is ready: {url}/deployments  (logs: {folder}; `make stop` ends it)")
    print(f"for commands in this shell: export PREFECT_API_URL={url}/api")


def stop(folder: Path) -> None:
    """End what `start` started: flow runs in progress first, so that they can end their engines."""
    server, worker = Recorded(folder / "server"), Recorded(folder / "worker")
    if not server.alive() and not worker.alive():
        print("nothing is running")
    worker.end(FINISH_SECONDS, children_first=True)
    server.end(FINISH_SECONDS)


def environment(folder: Path, url: str) -> Environment:
    """Of the server and the worker, and so of the worker's flow runs."""
    env = {**QUIET, **os.environ}
    secret = env.get("PREFECT_API_AUTH_STRING")
    return env | {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"{url}/api",
        "RISE_HOME": str(folder.parent),
        # In memory, the default, a restart of the server would leave slots of concurrency limits taken for ever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        **({"PREFECT_SERVER_API_AUTH_STRING": secret} if secret else {}),
    }


def refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise Mistake(f"port {port} of 127.0.0.1 is taken by another program: make server PORT={port + 1}")


def wait_until_up(url: str, env: Environment, server: Recorded) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.alive():
        try:
            if httpx.get(f"{url}/api/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise Mistake(f"the Prefect server does not come up; its log: {server.log}")


def wait_until_polling(worker: Recorded) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and worker.alive():
        if "started!" in worker.log.read_text(errors="replace"):
            return
        time.sleep(0.5)
    raise Mistake(f"the worker does not come up; its log: {worker.log}")


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

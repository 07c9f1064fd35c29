"""Outages of services: another writer holds the catalog, the Prefect server is away for a minute."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from subprocess import Popen

from deployments.processes import RecordedProcess
from deployments.server import PREFECT, deploy, is_healthy, run_command, server_environment, wait_until
from tests.faults.profile import OVERRIDES, RUN
from tests.faults.suite import fault
from tests.faults.trial import PATIENCE, Trial
from tests.flows.command import ROOT, TINY, living, started
from tests.flows.moments import sampled


@fault("catalog-locked", "a catalog that another writer holds for 30 s")
def catalog_locked(trial: Trial) -> None:
    trial.copy_base()
    trial.start()
    trial.until(sampled(RUN, "collect-1-*"), after=3.0)
    command = [sys.executable, "-m", "tests.storage.holder", str(trial.home / "lake/catalog.sqlite"), "30"]
    with Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        trial.faults += 1
        trial.tell("the catalog is held for 30 s")


class Server:
    """A Prefect server on the loopback interface with its own database, started like the server of `make server`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        folder.mkdir(parents=True)
        self.process = RecordedProcess(folder / "server")
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = server_environment(folder, self.url)
        self.start()

    def start(self) -> None:
        command = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        self.process.start(command, self.environment, ROOT)
        wait_until(lambda: is_healthy(self.url), self.process)

    def signal(self, sign: signal.Signals) -> None:
        os.killpg(self.process.pid, sign)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        while self.process.is_alive():
            time.sleep(0.1)

    @property
    def address(self) -> dict[str, str]:
        """Environment variables for a command that uses this server."""
        return {name: self.environment[name] for name in ("PREFECT_API_URL", "PREFECT_HOME")}


def served(trial: Trial) -> Server:
    """Start a server for one try, beside a copy of the base home."""
    trial.copy_base()
    server = Server(trial.folder / "server")
    trial.undo.callback(server.kill)
    return server


@fault("prefect-away", "the Prefect server away for 60 s, killed or stopped, and back")
def prefect_away(trial: Trial) -> None:
    server = served(trial)
    trial.extra = server.address
    trial.start()
    trial.until(sampled(RUN, "collect-1-*"), after=10.0)
    trial.faults += 1
    if trial.number % 2 == 0:
        server.kill()
        trial.tell("the server is killed")
        time.sleep(60)
        server.start()
    else:
        server.signal(signal.SIGSTOP)
        trial.tell("the server is stopped")
        time.sleep(60)
        server.signal(signal.SIGCONT)
    trial.tell("the server is back")


@fault("worker-terminated", "SIGTERM to the Prefect worker in the middle of a deployed run")
def worker_terminated(trial: Trial) -> None:
    server = served(trial)
    env = server.environment | {"RISE_HOME": str(trial.home)}
    deploy(env)
    parameters = {"run": RUN, "profile": TINY, "overrides": OVERRIDES}
    options = [word for name, value in parameters.items() for word in ("-p", f"{name}={json.dumps(value)}")]
    run_command(env, PREFECT, "deployment", "run", "rise/iterate", *options)
    worker = ("worker", "start", "--pool", "rise")
    trial.process = started(trial.home, trial.log, *worker, program=(PREFECT,), extra=server.address)
    trial.until(sampled(RUN, "collect-1-*"), after=3.0)
    trial.process.send_signal(signal.SIGTERM)
    trial.faults += 1
    deadline = time.monotonic() + PATIENCE
    while living(trial.home) and time.monotonic() < deadline:
        time.sleep(0.2)
    trial.wait()
    trial.resume()

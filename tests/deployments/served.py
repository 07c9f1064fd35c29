"""Server, worker and report pages as `make server` starts them, seen through Prefect's REST API."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.flows.command import ROOT, environment, living

BIN = Path(sys.executable).parent
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
PATIENCE = 420.0  # seconds for anything that a flow run may take


def free_port(row: int = 1) -> int:
    """The first of so many free ports in a row."""
    for _ in range(100):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                for later in range(port + 1, port + row):
                    with socket.socket() as probe:
                        probe.bind(("127.0.0.1", later))
            except (OSError, OverflowError):
                continue
            return port
    raise AssertionError("no free ports")


@dataclass(frozen=True)
class Served:
    """`home` is RISE_HOME; nothing of the user's own Prefect is touched."""

    home: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pages(self) -> str:
        """The address of the report pages."""
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def env(self) -> dict[str, str]:
        return environment(self.home) | {
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_HOME": str(self.home / "server"),
        }

    # -- commands ------------------------------------------------------------------------------------------------------

    def call(self, *command: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's commands to its end."""
        name, *arguments = command
        return subprocess.run(
            [BIN / name, *arguments], env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=timeout
        )

    def checked(self, *command: str) -> str:
        result = self.call(*command)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def server(self, what: str) -> str:
        """`make server` or `make stop`."""
        return self.checked("python", "-m", "deployments.server", what, "--port", str(self.port))

    def pid(self, name: str) -> int:
        """Of "server", "reports" or "worker"."""
        return int((self.home / "server" / f"{name}.pid").read_text().split()[0])

    def log(self, name: str) -> str:
        return (self.home / "server" / f"{name}.log").read_text(errors="replace")

    # -- flow runs -----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: object = None) -> Any:
        for _ in range(20):
            reply = httpx.request(method, f"{self.url}/api{path}", json=body, timeout=120)
            if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # as Prefect's clients do: its SQLite was busy
                break
            time.sleep(0.5)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    def deployment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/deployments/name/rise/{name}")
        return found

    def begin(self, deployment: str, state: dict[str, Any] | None = None, **parameters: Any) -> str:
        """Start a flow run; its id."""
        body = {"parameters": parameters} | ({"state": state} if state else {})
        path = f"/deployments/{self.deployment(deployment)['id']}/create_flow_run"
        return str(self.ask("POST", path, body)["id"])

    def flow_run(self, flow_run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/flow_runs/{flow_run}")
        return found

    def flow_runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("POST", "/flow_runs/filter", {})
        return found

    def ended(self, flow_run: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """The state that a flow run ends in."""
        self.until(lambda: self.flow_run(flow_run)["state_type"] in ENDED, f"end of flow run {flow_run}", timeout)
        state: dict[str, Any] = self.flow_run(flow_run)["state"]
        return state

    def until(self, holds: Callable[[], bool], what: str, timeout: float = PATIENCE) -> None:
        deadline = time.monotonic() + timeout
        while not holds():
            assert time.monotonic() < deadline, f"{what}: not within {timeout:.0f} s\n{self.log('worker')[-4000:]}"
            time.sleep(0.1)

    def cancel(self, flow_run: str) -> None:
        """As the UI's button does."""
        self.ask("POST", f"/flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING"}})

    # -- processes -----------------------------------------------------------------------------------------------------

    def processes(self) -> dict[int, str]:
        """Of flow runs: all that was started for the home but what `make server` starts."""
        own = {self.pid(name) for name in ("server", "reports", "worker")}
        return {pid: command for pid, command in living(self.home).items() if pid not in own}

    def kill_worker_and_flow(self) -> None:
        """As a machine that dies: neither can tell the server."""
        flows = [pid for pid, command in self.processes().items() if "prefect.engine" in command]
        assert len(flows) == 1
        for pid in (self.pid("worker"), *flows):
            os.kill(pid, signal.SIGKILL)

"""Server, worker and report pages of `make server`, seen through Prefect's REST API."""

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
PATIENCE = 420.0  # seconds for the longest wait for a flow run


def free_port(row: int = 1) -> int:
    """Return the first of `row` consecutive free ports."""
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
    """The processes of one `make server`, on a home folder (RISE_HOME) apart from the user's own Prefect."""

    home: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pages(self) -> str:
        """URL of the report pages."""
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def env(self) -> dict[str, str]:
        return environment(self.home) | {
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_HOME": str(self.home / "server"),
        }

    # -- commands ------------------------------------------------------------------------------------------------------

    def call(self, *command: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run a command of the virtual environment to the end."""
        name, *arguments = command
        return subprocess.run(
            [BIN / name, *arguments], env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=timeout
        )

    def checked(self, *command: str) -> str:
        result = self.call(*command)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def server(self, command: str) -> str:
        """Run `make server` ("start") or `make stop` ("stop")."""
        return self.checked("python", "-m", "deployments.server", command, "--port", str(self.port))

    def pid(self, name: str) -> int:
        """Process id of "server", "reports" or "worker"."""
        return int((self.home / "server" / f"{name}.pid").read_text().split()[0])

    def log(self, name: str) -> str:
        return (self.home / "server" / f"{name}.log").read_text(errors="replace")

    # -- flow runs -----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: object = None) -> Any:
        for _ in range(20):
            reply = httpx.request(method, f"{self.url}/api{path}", json=body, timeout=120)
            if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # as Prefect's clients do: SQLite was busy
                break
            time.sleep(0.5)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    def deployment(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("GET", f"/deployments/name/rise/{name}")
        return answer

    def begin(self, deployment: str, state: dict[str, Any] | None = None, **parameters: Any) -> str:
        """Start a flow run and return the id."""
        body = {"parameters": parameters} | ({"state": state} if state else {})
        path = f"/deployments/{self.deployment(deployment)['id']}/create_flow_run"
        return str(self.ask("POST", path, body)["id"])

    def flow_run(self, flow_run: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("GET", f"/flow_runs/{flow_run}")
        return answer

    def flow_runs(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.ask("POST", "/flow_runs/filter", {})
        return answer

    def ended(self, flow_run: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait for the end of a flow run and return the final state."""
        self.until(lambda: self.flow_run(flow_run)["state_type"] in ENDED, f"end of flow run {flow_run}", timeout)
        state: dict[str, Any] = self.flow_run(flow_run)["state"]
        return state

    def until(self, holds: Callable[[], bool], event: str, timeout: float = PATIENCE) -> None:
        deadline = time.monotonic() + timeout
        while not holds():
            assert time.monotonic() < deadline, f"{event}: not within {timeout:.0f} s\n{self.log('worker')[-4000:]}"
            time.sleep(0.1)

    def cancel(self, flow_run: str) -> None:
        """Cancel a flow run like the button in the UI."""
        self.ask("POST", f"/flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING"}})

    # -- processes -----------------------------------------------------------------------------------------------------

    def processes(self) -> dict[int, str]:
        """Processes of flow runs: every process of the home except server, pages and worker."""
        own = {self.pid(name) for name in ("server", "reports", "worker")}
        return {pid: command for pid, command in living(self.home).items() if pid not in own}

    def kill_worker_and_flow(self) -> None:
        """Kill both, as a dying machine does: neither can tell the server."""
        flows = [pid for pid, command in self.processes().items() if "prefect.engine" in command]
        assert len(flows) == 1
        for pid in (self.pid("worker"), *flows):
            os.kill(pid, signal.SIGKILL)

"""The embedded Prefect server of `rise run` and `rise eval`, unless PREFECT_API_URL names another.

    server = PrefectServer.reserve()      # before Prefect is imported
    with server.running():
        rise("demo")

Prefect can start a server itself, but in the terminal's process group: Ctrl-C would end the server before the flow run
reports its interruption, and after a SIGKILL the server would live on. This server has a session of its own and dies
with this process.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from flows.local.environment import AUTH, SERVER_AUTH
from rise_core.errors import RunStopped

_START_SECONDS = 180.0  # a first start makes the database
_END_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class PrefectServer:
    """A server of this process on a loopback port. There is none where the user names a server or a Prefect home."""

    def __init__(self, listener: socket.socket | None) -> None:
        self._listener = listener

    @classmethod
    def reserve(cls) -> PrefectServer:
        """Take a free port and set Prefect's environment to a server there. Nothing is started.

        Call after `use_home`, and before Prefect is imported.
        """
        if "PREFECT_API_URL" in os.environ or "PREFECT_HOME" in os.environ:
            return cls(None)
        folder = Path(os.environ["RISE_HOME"]) / "prefect"  # the server's own database
        folder.mkdir(parents=True, exist_ok=True)  # Prefect does not make it
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        os.environ["PREFECT_HOME"] = str(folder)
        os.environ["RISE_LOCAL_SERVER"] = "1"  # for tasks/run/limits.py
        # Prefect's default lies in the user's folder whatever PREFECT_HOME says.
        os.environ.setdefault("PREFECT_SERVER_MEMO_STORE_PATH", str(folder / "memo_store.toml"))
        # Loopback is open to every user of the machine. The run's processes share a password that ends with it.
        os.environ.setdefault(AUTH, os.environ.get(SERVER_AUTH) or f"rise:{secrets.token_urlsafe(32)}")
        os.environ.setdefault(SERVER_AUTH, os.environ[AUTH])
        return cls(listener)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the server for the length of the block. Enter in the main thread: the kernel ties the server to it.

        This process imports the flows while the server starts.

        Raises:
            RunStopped: The server does not start.
        """
        process = self._start()
        try:
            _import_flows()
            if process is not None:
                _wait_until_up(process)
            yield
        finally:
            if process is not None:
                _end(process)

    def _start(self) -> subprocess.Popen[bytes] | None:
        if self._listener is None:
            return None
        descriptor = self._listener.fileno()
        command = [sys.executable, "-m", __name__, str(descriptor), str(os.getpid())]
        process = subprocess.Popen(command, pass_fds=[descriptor], stdin=subprocess.DEVNULL, start_new_session=True)
        # The child owns the socket. Kept open here, it would accept connections after the server died.
        self._listener.close()
        return process


def _import_flows() -> None:
    """Import the flows, torch among their imports: seconds, in which the server starts."""
    from transformers import AutoTokenizer  # noqa: F401

    from flows import evaluation, iterate  # noqa: F401


def _end(process: subprocess.Popen[bytes]) -> None:
    _send_the_rest()
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _send_the_rest() -> None:
    """Send Prefect's pending logs and events. Without the server, Prefect would retry for minutes."""
    if "prefect" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=_END_SECONDS)


def _wait_until_up(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{os.environ['PREFECT_API_URL']}/health", timeout=5):  # noqa: S310 (a loopback address)
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RunStopped(f"the embedded Prefect server does not start; its database is in {os.environ['PREFECT_HOME']}")


def _serve(descriptor: int, parent: int) -> None:
    """Serve Prefect's API in this process, on an open socket, until the parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the kernel knew
        return
    # As Prefect starts its own ephemeral server: no UI, and only the services that record a run's reports.
    os.environ |= {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
    import uvicorn
    from prefect.server.api.server import create_app

    server = uvicorn.Server(uvicorn.Config(create_app(), log_level="error", lifespan="on"))
    server.run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))

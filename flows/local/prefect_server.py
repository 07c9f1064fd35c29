"""The embedded Prefect server of `rise run` and `rise eval`, where PREFECT_API_URL names none.

Prefect could start one itself, but in the terminal's process group: Ctrl-C would end it before the flow run can report
that it was interrupted, and after a SIGKILL it would live on. This one has a session of its own and dies with us.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

from rise.core.errors import RunStopped

START_SECONDS = 180.0  # a first start makes the database
END_SECONDS = 10.0
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_reserved: socket.socket | None = None


def reserve() -> None:
    """Take a free loopback port and name it in PREFECT_API_URL, before Prefect is imported; nothing is started."""
    global _reserved
    _reserved = socket.socket()
    _reserved.bind(("127.0.0.1", 0))
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{_reserved.getsockname()[1]}/api"


def reserved() -> bool:
    """Whether this process uses the embedded server."""
    return _reserved is not None


@contextmanager
def serving() -> Iterator[Callable[[], None]]:
    """Run the embedded server for the length of the block, if its port was reserved. It takes seconds to start: the
    block gets a function that waits until it is up, and raises RunStopped where it does not start.

    Enter it in the main thread, to which the kernel ties the server's life.
    """
    if _reserved is None:
        yield lambda: None
        return
    command = [sys.executable, "-m", "rise.flows.local.prefect_server", str(_reserved.fileno()), str(os.getpid())]
    server = subprocess.Popen(command, pass_fds=[_reserved.fileno()], stdin=subprocess.DEVNULL, start_new_session=True)
    _reserved.close()  # the server has it now; held here too, it would take calls that nobody answers once that is gone
    try:
        yield lambda: wait_until_up(server)
    finally:
        tell_the_rest()
        server.terminate()
        try:
            server.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()


def tell_the_rest() -> None:
    """Send the logs and events that Prefect still holds: with the server gone, this process would try them for minutes
    before it ends."""
    if "prefect" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=END_SECONDS)


def wait_until_up(server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(f"{os.environ['PREFECT_API_URL']}/health", timeout=5):  # noqa: S310 (a loopback address)
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RunStopped(f"the embedded Prefect server does not start; its database is in {os.environ['PREFECT_HOME']}")


def serve(descriptor: int, parent: int) -> None:
    """The server's own process."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be asked for
        return
    # As Prefect starts its own ephemeral server: no UI, and only the services that record what a run reports.
    os.environ |= {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
    import uvicorn
    from prefect.server.api.server import create_app

    server = uvicorn.Server(uvicorn.Config(create_app(), log_level="error", lifespan="on"))
    server.run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))

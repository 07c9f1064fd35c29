"""The Ray that a run works on: its own local one, or the one that RAY_ADDRESS names.

    with cluster.connect(logical_cpus=4):
        pool = EnginePool(...)

Logical CPUs are only Ray's bookkeeping. Engines take none (they idle while training runs, and must not keep the trainer
from being scheduled), so `logical_cpus` is what the training workers need, plus one for Ray Train's controller.
Threads are set where the work is done: by `engine.threads` and `train.threads`.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import ray
from ray._private import ray_constants

from rise.core.errors import UserError

NAMESPACE = "rise"
LONGEST_TMPDIR = 16  # characters: a socket's path has 107, and Ray's own part of it takes up to 90
OBJECT_STORE_BYTES = 128 * 2**20  # shards are a few hundred kilobytes; weights travel as files
log = logging.getLogger(__name__)
_early: ExitStack | None = None  # a connection that the next `connect` takes over


@contextmanager
def connect(logical_cpus: int) -> Iterator[None]:
    """Connect to Ray for the length of a `with` block; a Ray that was connected before is used and left alone.

    The own local Ray listens on the loopback interface only, keeps Ray's token authentication, holds its sockets and
    logs in a folder that no other user may enter, and dies with this process, however it dies. The kernel ties it to
    the thread that enters the block, so enter it in a thread that outlives the block.
    """
    global _early
    if ray.is_initialized() and _early is None:
        yield
        return
    connection, _early = _early or opened(logical_cpus), None
    with connection:
        yield


@contextmanager
def connect_early(logical_cpus: int) -> Iterator[None]:
    """Connect before there is work for Ray. The next `connect` takes the connection over, its end included; where none
    came, it ends with this block."""
    global _early
    if ray.is_initialized():
        yield
        return
    _early = opened(logical_cpus)
    try:
        yield
    finally:
        if _early is not None:
            _early.close()
            _early = None


def opened(logical_cpus: int) -> ExitStack:
    """A connection to Ray; it ends when the stack is closed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's coming default, chosen here so that it does not warn: a worker without GPUs keeps its environment.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with own_sigterm(), ExitStack() as connection:
        if os.environ.get("RAY_ADDRESS"):
            ray.init(namespace=NAMESPACE, logging_level=logging.WARNING, log_to_driver=False)
        else:
            deep = len(tempfile.gettempdir()) > LONGEST_TMPDIR
            folder = tempfile.mkdtemp(prefix="rise-ray-", dir="/tmp" if deep else None)  # noqa: S108 (it is private)
            connection.push(partial(leave, folder))
            start(logical_cpus, folder)
        connection.callback(ray.shutdown)
        return connection.pop_all()


@contextmanager
def own_sigterm() -> Iterator[None]:
    """Keep this process's answer to SIGTERM, which Ray replaces by an exit: Prefect cancels a flow run by it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def start(logical_cpus: int, folder: str) -> None:
    """Start the own Ray, whose sockets and logs go to `folder`. Raises UserError where it would trust everybody."""
    mode = os.environ.get("RAY_AUTH_MODE", "token")
    if mode.lower() != "token":
        raise UserError(f"RAY_AUTH_MODE={mode}: a run's own Ray keeps its token authentication; unset the variable")
    with loopback_only():
        ray.init(
            num_cpus=logical_cpus,
            namespace=NAMESPACE,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            logging_level=logging.ERROR,
            log_to_driver=False,
            _temp_dir=f"{folder}/ray",  # Ray opens its own folder to every user, mkdtemp's is nobody else's
        )
    token = Path.home() / ".ray" / "auth_token"
    if token.is_file() and token.stat().st_uid == os.getuid():
        token.chmod(0o600)  # Ray writes it for all to read


def leave(folder: str, kind: type[BaseException] | None, *_: object) -> None:
    """Remove Ray's folder, unless a failure may be explained by the logs in it."""
    if kind is None or not issubclass(kind, Exception) or issubclass(kind, UserError):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        log.warning("Ray's logs are kept in %s/ray/session_latest/logs", folder)


@contextmanager
def loopback_only() -> Iterator[None]:
    """Make the Ray that starts in this block listen on the loopback interface, as it does on macOS.

    Ray has no argument for it: it turns 127.0.0.1 into the machine's address, and then listens on every interface. Its
    processes read the variable; this process has read it when it imported Ray, hence the constant.
    """
    variable, enabled = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, ray_constants.ENABLE_RAY_CLUSTER
    before = os.environ.get(variable)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # several training workers on the CPU talk through gloo
    os.environ[variable], ray_constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = enabled
        os.environ.pop(variable)
        if before is not None:
            os.environ[variable] = before

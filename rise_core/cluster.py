"""The Ray of a run: a local Ray of its own, or the cluster named by RAY_ADDRESS.

    with cluster.connect(logical_cpus=4):
        pool = EnginePool(...)

Logical CPUs are only Ray's bookkeeping. Engines take none: idle during training, an engine must not block the trainer's
placement. So `logical_cpus` covers the training workers, and one for Ray Train's controller. The real threads
follow `engine.threads` and `train.threads`.
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

from rise_core.errors import UserError

_NAMESPACE = "rise"
_LONGEST_TMPDIR = 16  # characters: a socket's path has at most 107, and Ray's own part takes up to 90
_OBJECT_STORE_BYTES = 128 * 2**20  # shards are a few hundred kilobytes; weights travel as files
_log = logging.getLogger(__name__)


@contextmanager
def connect(logical_cpus: int) -> Iterator[None]:
    """Connect to Ray for the length of the block. A Ray connected before is used and left alone.

    The local Ray listens on the loopback interface only, keeps Ray's token authentication, keeps sockets and logs in a
    folder closed to other users, and dies with this process, however it dies. The kernel ties Ray to the thread that
    enters the block: enter in a thread that outlives the block.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's coming default, chosen here to silence its warning: a worker without GPUs keeps its environment.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with ExitStack() as connection:
        with _own_sigterm():
            if os.environ.get("RAY_ADDRESS"):
                ray.init(namespace=_NAMESPACE, logging_level=logging.WARNING, log_to_driver=False)
            else:
                deep = len(tempfile.gettempdir()) > _LONGEST_TMPDIR
                folder = tempfile.mkdtemp(prefix="rise-ray-", dir="/tmp" if deep else None)  # noqa: S108 (private)
                connection.push(partial(_remove_folder, folder))
                _start(logical_cpus, folder)
        connection.callback(ray.shutdown)
        yield


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep the handler of SIGTERM: Ray installs an exit, but Prefect cancels flow runs by SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _start(logical_cpus: int, folder: str) -> None:
    """Start the local Ray with its sockets and logs in `folder`. Raises UserError where authentication is off."""
    mode = os.environ.get("RAY_AUTH_MODE", "token")
    if mode.lower() != "token":
        raise UserError(f"RAY_AUTH_MODE={mode}: a run's own Ray keeps its token authentication; unset the variable")
    with _loopback_only():
        ray.init(
            num_cpus=logical_cpus,
            namespace=_NAMESPACE,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            logging_level=logging.ERROR,
            log_to_driver=False,
            _temp_dir=f"{folder}/ray",  # Ray opens its folder to every user; the one above is closed
        )
    token = Path.home() / ".ray" / "auth_token"
    if token.is_file() and token.stat().st_uid == os.getuid():
        token.chmod(0o600)  # Ray makes it readable for all


def _remove_folder(folder: str, kind: type[BaseException] | None, *_: object) -> None:
    """Remove Ray's folder; after a failure keep the logs as an explanation."""
    if kind is None or not issubclass(kind, Exception) or issubclass(kind, UserError):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        _log.warning("Ray's logs are kept in %s/ray/session_latest/logs", folder)


@contextmanager
def _loopback_only() -> Iterator[None]:
    """Start Ray on the loopback interface only within this block, as on macOS.

    Ray has no argument for the interface: 127.0.0.1 becomes the machine's address, and Ray listens everywhere. Ray's
    processes read the variable; this process read the variable on importing Ray, hence the constant.
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

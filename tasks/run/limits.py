"""One run at a time on a machine's accelerators. Runs on the CPU wait for nobody.

Two limits serve two cases. A permanent Prefect server counts slots (limit `gpu`). The server of `rise run` ends with
the run and could never free the slot of a killed run; there a lock file of the home serves, freed by the system.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout
from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from rise_core.config.choices import PolicyKind
from rise_core.config.keys import Config
from storage.home import Home

LOCAL_SERVER = "RISE_LOCAL_SERVER"  # environment variable; set where the Prefect server ends with this process
_LIMIT = "gpu"


def make_limit(client: SyncPrefectClient) -> None:
    """Create the limit with a single slot, unless the server has the limit. Users may change the number."""
    try:
        client.read_global_concurrency_limit_by_name(_LIMIT)
    except ObjectNotFound:
        with suppress(ObjectAlreadyExists):  # another run was faster
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=_LIMIT, limit=1))


def uses_gpus(config: Config) -> bool:
    """Whether engines, trainer or a local teacher of a run use GPUs."""
    local_teacher = config.teacher.base_url is None and config.collect.has_turn(PolicyKind.teacher)
    engines = [config.engine.gpus, *([config.teacher.engine.gpus] if local_teacher else [])]
    return max(*engines, config.train.gpus) > 0


@contextmanager
def accelerators(config: Config, home: Home) -> Iterator[None]:
    """Hold the accelerators for the length of the block, where the config uses GPUs. Waits for another such run."""
    if not uses_gpus(config):
        yield
    elif os.environ.get(LOCAL_SERVER):
        with _home_lock(home):
            yield
    else:
        with get_client(sync_client=True) as client:
            make_limit(client)
        get_run_logger().info("waiting for the limit %s, held by at most one run on the accelerators", _LIMIT)
        # A server that is away for a while cancels no run.
        with concurrency(_LIMIT, strict=True, raise_on_lease_renewal_failure=False):
            yield


@contextmanager
def _home_lock(home: Home) -> Iterator[None]:
    lock = FileLock(home.path / "gpu.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        get_run_logger().info(
            "waiting for another run of this home that uses the GPUs; runs of other homes do not wait"
        )
        lock.acquire(poll_interval=1.0)
    try:
        yield
    finally:
        lock.release()

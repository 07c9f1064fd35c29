"""One run at a time on a machine's accelerators: by the Prefect server's limit `gpu`, and by a lock file of the home
where the server is the run's own. On the CPU nothing waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout
from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from rise.core.config.choices import PolicyKind
from rise.core.config.keys import Config
from rise.storage.home import Home

LIMIT = "gpu"
# Whether the server ends with this process. It could then never give back the slot of a process that was killed, since
# what it knows of the slot's holder is in its memory; a lock file goes with its holder.
own_server = False


def make_limit(client: SyncPrefectClient) -> None:
    """Make the limit with one slot, unless the server has it: its number is the user's to change."""
    try:
        client.read_global_concurrency_limit_by_name(LIMIT)
    except ObjectNotFound:
        with suppress(ObjectAlreadyExists):  # made by another run meanwhile
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=LIMIT, limit=1))


def uses_gpus(config: Config) -> bool:
    local_teacher = config.teacher.base_url is None and config.collect.has_turn(PolicyKind.teacher)
    engines = [config.engine.gpus, *([config.teacher.engine.gpus] if local_teacher else [])]
    return max(*engines, config.train.gpus) > 0


@contextmanager
def accelerators(config: Config) -> Iterator[None]:
    """Hold them for the length of the block, where the config uses GPUs; waits for another run that does."""
    if not uses_gpus(config):
        yield
    elif own_server:
        with home_lock():
            yield
    else:
        with get_client(sync_client=True) as client:
            make_limit(client)
        get_run_logger().info("waiting for the limit %s, held by at most one run on the accelerators", LIMIT)
        # A server that is away for a while cancels no run.
        with concurrency(LIMIT, strict=True, raise_on_lease_renewal_failure=False):
            yield


@contextmanager
def home_lock() -> Iterator[None]:
    lock = FileLock(Home.from_env().path / "gpu.lock")
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

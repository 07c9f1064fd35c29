"""The limit `gpu` of the Prefect server: one run at a time on a machine's accelerators. On the CPU nothing waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound

from rise_core.config import Config, PolicyKind

LIMIT = "gpu"


def make_limit(client: SyncPrefectClient) -> None:
    """Make the limit with one slot, unless the server has it: its number is the user's to change."""
    try:
        client.read_global_concurrency_limit_by_name(LIMIT)
    except ObjectNotFound:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=LIMIT, limit=1))


def uses_gpus(config: Config) -> bool:
    local_teacher = config.teacher.base_url is None and any(
        turn.policy is PolicyKind.teacher for turn in config.collect.turns
    )
    engines = [config.engine.gpus, *([config.teacher.engine.gpus] if local_teacher else [])]
    return max(*engines, config.train.gpus) > 0


@contextmanager
def accelerators(config: Config) -> Iterator[None]:
    """Hold the slot for the length of the block, where the config uses GPUs; waits for another run that holds it."""
    if not uses_gpus(config):
        yield
        return
    with get_client(sync_client=True) as client:
        make_limit(client)
    get_run_logger().info("waiting for the limit %s, held by at most one run on the accelerators", LIMIT)
    with concurrency(LIMIT, strict=True):
        yield

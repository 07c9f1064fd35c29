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
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray._private import ray_constants

NAMESPACE = "rise"
OBJECT_STORE_BYTES = 128 * 2**20  # shards are a few hundred kilobytes; weights travel as files


@contextmanager
def connect(logical_cpus: int) -> Iterator[None]:
    """Connect to Ray for the length of a `with` block; a Ray that was connected before is used and left alone.

    The own local Ray listens on the loopback interface only, keeps Ray's token authentication, and dies with this
    process, however it dies. The kernel ties it to the thread that enters the block, so enter it in a thread that
    outlives the block.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's coming default, chosen here so that it does not warn: a worker without GPUs keeps its environment.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if os.environ.get("RAY_ADDRESS"):
        ray.init(namespace=NAMESPACE, logging_level=logging.WARNING, log_to_driver=False)
    else:
        start(logical_cpus)
    try:
        yield
    finally:
        ray.shutdown()


def start(logical_cpus: int) -> None:
    with loopback_only():
        ray.init(
            num_cpus=logical_cpus,
            namespace=NAMESPACE,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )


@contextmanager
def loopback_only() -> Iterator[None]:
    """Make the Ray that starts in this block listen on the loopback interface, as it does on macOS.

    Ray has no argument for it: it turns 127.0.0.1 into the machine's address, and then listens on every interface. Its
    processes read the variable; this process has read it when it imported Ray, hence the constant.
    """
    variable, enabled = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, ray_constants.ENABLE_RAY_CLUSTER
    before = os.environ.get(variable)
    os.environ[variable], ray_constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = enabled
        os.environ.pop(variable)
        if before is not None:
            os.environ[variable] = before

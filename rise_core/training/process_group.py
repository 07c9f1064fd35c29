"""How several training workers find each other: through a file, so that none of them listens to strangers.

The store that Ray Train makes for them (torch's TCPStore) listens on every interface of the machine and asks nobody who
they are. A FileStore in the run's folder, which the workers share anyway, needs no port.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ray.train.backend import Backend
from ray.train.torch import TorchConfig
from torch import distributed


class SharedDevices(Backend):  # type: ignore[misc]  # Ray's classes are untyped here
    """Sets up nothing. Every worker sees all GPUs of its machine, as under Ray Train's own backend."""

    share_cuda_visible_devices = True


@dataclass
class NoStore(TorchConfig):  # type: ignore[misc]
    """Ray Train's configuration for torch, without its process group: `process_group` makes that."""

    @property
    def backend_cls(self) -> type[Backend]:
        return SharedDevices


@contextmanager
def process_group(rank: int, world_size: int, machine: int, device: str, store: Path, seconds: float) -> Iterator[None]:
    """Connect this worker with the others for a `with` block; `machine` is how many of them are on this machine.

    `store`: a file that all workers reach and that is not there yet. An operation may take `seconds`.
    """
    os.environ["LOCAL_WORLD_SIZE"] = str(machine)
    distributed.init_process_group(
        "gloo" if device == "cpu" else "nccl",
        init_method=f"file://{store}",
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=seconds),
    )
    yield
    distributed.destroy_process_group()  # a worker that fails ends as a process, whatever the others wait for

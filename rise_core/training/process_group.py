"""A process group for several training workers, set up through a file.

Ray Train by itself sets up torch's TCPStore, which listens on every interface of the machine and accepts anybody. A
FileStore in the run's folder, which the workers share anyway, needs no port.
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


class _SharedDevices(Backend):  # type: ignore[misc]  # Ray's classes are untyped here
    """Sets up nothing. Every worker sees all GPUs of the machine, as under Ray Train's own backend."""

    share_cuda_visible_devices = True


@dataclass
class NoStore(TorchConfig):  # type: ignore[misc]
    """Ray Train's configuration for torch without a process group; `process_group` sets up ours."""

    @property
    def backend_cls(self) -> type[Backend]:
        """The backend of Ray Train for this configuration."""
        return _SharedDevices


@contextmanager
def process_group(
    rank: int, world_size: int, local_workers: int, device: str, store: Path, seconds: float
) -> Iterator[None]:
    """Connect this worker with the others for a `with` block.

    Args:
        local_workers: Number of workers on this machine.
        device: "cpu" (gloo) or a CUDA device (NCCL).
        store: A new file in a folder that all workers reach.
        seconds: Longest duration of one collective operation.
    """
    os.environ["LOCAL_WORLD_SIZE"] = str(local_workers)
    distributed.init_process_group(
        "gloo" if device == "cpu" else "nccl",
        init_method=f"file://{store}",
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=seconds),
    )
    yield
    distributed.destroy_process_group()  # not after a failure: the failed process ends, whatever the others wait for

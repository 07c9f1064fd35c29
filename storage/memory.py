"""Return freed memory to the system."""

from __future__ import annotations

import ctypes

_libc = ctypes.CDLL(None)  # glibc, which PyTorch's wheels ask for


def give_back() -> None:
    """Let the C library return free heap memory to the system, between queries.

    DuckDB and the sampling threads free memory in the heaps of many threads; glibc keeps the pages. Without the call
    the driver's memory grows with the rollouts beyond its bound (benchmarks/driver_memory.py).
    """
    _libc.malloc_trim(0)

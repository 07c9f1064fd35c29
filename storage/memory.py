"""Return freed memory to the system."""

from __future__ import annotations

import ctypes

_libc = ctypes.CDLL(None)  # glibc, which PyTorch's wheels ask for


def give_back() -> None:
    """Let the C library give back what is free in its heaps.

    Sampling runs in dozens of threads with a heap each. What they freed would stay resident beside what the next stage
    takes.
    """
    _libc.malloc_trim(0)

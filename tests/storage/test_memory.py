"""Memory freed by many threads returns to the system."""

from __future__ import annotations

import subprocess
import sys

# Small blocks from many threads, each of whose heaps keeps one block in use at its end.
SCRIPT = """
import ctypes, os, threading
from storage.memory import give_back

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
done, leave = threading.Barrier(9), threading.Event()

def work():
    blocks = [libc.malloc(8000) for _ in range(2500)]
    for block in blocks:
        ctypes.memset(block, 1, 8000)
    for block in blocks[:-1]:
        libc.free(block)
    done.wait()
    leave.wait()

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
done.wait()
before = resident()
give_back()
print((before - resident()) // 2**20)
leave.set()
"""


def test_what_threads_freed_is_given_back() -> None:
    process = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(process.stdout) > 100, "of about 150 MiB that were freed"

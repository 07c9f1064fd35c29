"""What the benchmarks share: the machine in words, its matrix-product rate, timing side by side, Markdown tables.

A target is a ratio of two things that are measured within one run, in turns where each is short, so that a machine that
is slow or busy is so for both. Ratios of medians are printed; every script says on which machine, and how busy it was.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

MATRIX = {"cpu": 1536, "cuda": 8192}  # rows and columns of the matrices whose product is timed
MATRIX_SECONDS = 2.0
DATA = Path(os.environ.get("RISE_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared/data").resolve()


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A parser of options that shows the script's own text under --help."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def progress(text: str) -> None:
    """A line about what is going on, to stderr: stdout carries the results."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def machine(*packages: str) -> str:
    """The machine and the versions that a figure depends on, one Markdown paragraph."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = [f"{name} {version_of(name)}" for name in packages]
    return (
        f"Machine: {processor()}, {cores} cores, {memory:.0f} GiB; load average {os.getloadavg()[0]:.1f} at the start "
        f"(on {cores} cores, more than a fraction of 1 means that others took part of the time). "
        f"Python {platform.python_version()}, {', '.join(versions)}."
    )


def processor() -> str:
    """The processor's name with the vector instructions that matter to float32 matrix products."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8") if sys.platform == "linux" else ""
    fields = dict(line.split(":", 1) for line in info.partition("\n\n")[0].splitlines() if ":" in line)
    by_name = {name.strip(): value.strip() for name, value in fields.items()}
    vectors = [name for name in ("avx512f", "avx2") if name in by_name.get("flags", "").split()]
    return f"{by_name.get('model name', platform.processor() or platform.machine())} ({(vectors or ['no AVX'])[0]})"


def version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def matmul_rate(device: str = "cpu", dtype: str = "float32") -> float:
    """FLOP/s of the device's best matrix product of `dtype`, of two square matrices, in about two seconds.

    On the CPU with the threads that torch has. This is the arithmetic limit that training and sampling are held to.
    """
    import torch

    size = MATRIX[device]
    left, right = (torch.randn(size, size, device=device, dtype=getattr(torch, dtype)) for _ in range(2))
    out = left @ right
    best, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < MATRIX_SECONDS:
        seconds = timed(lambda: torch.matmul(left, right, out=out), device)
        best = min(best, seconds)
    return 2 * size**3 / best


def timed(work: Callable[[], object], device: str = "cpu") -> float:
    """Seconds that `work` takes; on a GPU until what it queued is done."""
    wait = synchroniser(device)
    wait()
    begun = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - begun


def synchroniser(device: str) -> Callable[[], None]:
    if device == "cpu":
        return lambda: None
    import torch

    return torch.cuda.synchronize


def in_turns(ways: dict[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """The median of what each way returns (seconds, or a rate), all measured in turns, `repeats` times."""
    measurements: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(1, repeats + 1):
        for name, way in ways.items():
            measurements[name].append(way())
            progress(f"{name}, {number} of {repeats}: {measurements[name][-1]:.4g}")
    return {name: statistics.median(values) for name, values in measurements.items()}


def data(name: str) -> Path:
    """A file of the folder DATA. Ends the script where it is not there."""
    if not (DATA / name).is_file():
        sys.exit(f"{DATA / name} does not exist: set RISE_TEST_DATA to a folder that holds it")
    return DATA / name


def gsm8k() -> list[str]:
    """The overrides that make GSM8K's files a run's problems."""
    files = {"train": data("gsm8k_train.jsonl"), "eval": data("gsm8k_test_first300.jsonl")}
    return [f"problems.{split}={file}" for split, file in files.items()]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def held(value: float, at_least: float | None = None, at_most: float | None = None, unit: str = "\u00d7") -> str:
    """A figure against its target; bold where the target is missed."""
    missed = (at_least is not None and value < at_least) or (at_most is not None and value > at_most)
    text = f"{value:.3g}{unit}"
    return f"**{text}**" if missed else text

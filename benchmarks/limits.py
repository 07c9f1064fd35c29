"""What engines.py holds two engines against: one on half of the cores, the processor time there is, two bare ones."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from collection import requests_of, sampler_settings
from measuring import in_turns, progress
from sampler import Sampler


def on_half_the_cores(measure: Callable[[], float]) -> float:
    """A measurement during which this process and all that it started keep to the first half of the machine's cores."""
    cores = sorted(os.sched_getaffinity(0))
    before = move(lambda _: cores[: max(1, len(cores) // 2)])
    try:
        return measure()
    finally:
        move(lambda thread: before.get(thread, cores))


def move(cores_of: Callable[[int], Collection[int]]) -> dict[int, set[int]]:
    """Put each thread of this process and of all that it started on its cores, also those that begin meanwhile; returns
    where each was."""
    before: dict[int, set[int]] = {}
    while new := threads() - before.keys():
        for thread in new:
            with suppress(ProcessLookupError):  # it has just ended
                before[thread] = os.sched_getaffinity(thread)
                os.sched_setaffinity(thread, cores_of(thread))
    return before


def threads() -> set[int]:
    """Those of the family, as the kernel numbers them."""
    ids: set[int] = set()
    for process in family():
        with suppress(psutil.NoSuchProcess):
            ids |= {thread.id for thread in process.threads()}
    return ids


def family() -> list[psutil.Process]:
    """This process and all that it started, and that still live."""
    me = psutil.Process()
    return [me, *me.children(recursive=True)]


def watched(measure: Callable[[], float], busy: list[float]) -> float:
    """A measurement, and beside it the share of the machine's processor time that this process and all that it started
    used meanwhile."""
    begun, used = time.perf_counter(), processor_seconds()
    rate = measure()
    cores = len(os.sched_getaffinity(0))
    busy.append((processor_seconds() - used) / (time.perf_counter() - begun) / cores)
    progress(f"cores busy: {100 * busy[-1]:.0f}%")
    return rate


def processor_seconds() -> float:
    """What this process and all that it started, and that still live, have used so far."""
    total = 0.0
    for process in family():
        with suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            total += used.user + used.system
    return total


def bare_rates(context: Any, home: Path, repeats: int) -> dict[str, float]:
    """Tokens a second of one bare engine with the requests of the first collection, and of two that share them by
    problem, each on a core of its own."""
    from rise_core.engine.settings import environment

    requests, settings, variables = (
        requests_of(context, 1),
        sampler_settings(context, 1),
        environment(context.config.engine),
    )
    second = set(sorted({request["problem_id"] for request in requests})[::2])
    shares = [[r for r in requests if (r["problem_id"] in second) == half] for half in (False, True)]
    groups = {"1": [(requests, None)], "2": list(zip(shares, sorted(os.sched_getaffinity(0)), strict=False))}
    with ExitStack() as opened:
        ways = {}
        for n, group in groups.items():
            samplers = []
            for number, (share, core) in enumerate(group):
                file = home / f"bare-{n}-{number}.json"
                file.write_text(json.dumps(share))
                sampler = opened.enter_context(closing(Sampler("vllm", settings, home, variables, core)))
                samplers.append((sampler, file))
            ways[n] = partial(side_by_side, samplers)
        return in_turns(ways, repeats)


def side_by_side(samplers: list[tuple[Sampler, Path]]) -> float:
    """Tokens a second of all samplers together, until the last one is through."""
    begun = time.perf_counter()
    with ThreadPoolExecutor() as threads:
        results = list(threads.map(lambda each: each[0].sample(each[1]), samplers))
    return sum(tokens for _, tokens in results) / (time.perf_counter() - begun)

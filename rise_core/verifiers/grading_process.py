"""What runs in a grading process: in its main thread, with a memory limit and an alarm that no answer can block."""

from __future__ import annotations

import faulthandler
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from multiprocessing.context import BaseContext
from typing import Any, NoReturn

from rise.core.records import Grade, Problem, Verdict
from rise.core.verifiers import get

GRACE = 0.25  # the process ends one to two of these seconds after a deadline that a signal could not enforce
MEMORY = 2 << 30  # bytes that grading may take on top of what the loaded libraries hold

Pair = tuple[str, Problem]
Graded = tuple[Grade, str | None]  # a grade, and why grading failed where it did


class InHand:
    """What a pool's processes are grading, in memory that they share: it outlives a process that had to end."""

    SLOTS = 1024  # jobs at work are few and have numbers close to each other

    def __init__(self, context: BaseContext) -> None:
        self._slots: Any = context.RawArray("d", 3 * self.SLOTS)

    def note(self, job: int, index: int, now: float) -> None:
        """Answer `index` of job `job` (from 1 on) is taken in hand `now`, by the monotonic clock."""
        place = 3 * (job % self.SLOTS)
        self._slots[place : place + 3] = (job, index, now)

    def late(self, job: int, ended: float, deadline: float) -> int | None:
        """The answer that the job's process had in hand for longer than `deadline` when it ended; None: none known."""
        place = 3 * (job % self.SLOTS)
        number, index, taken = self._slots[place : place + 3]
        return int(index) if number == job and ended - taken > deadline else None


class Overtime(BaseException):
    """The deadline is over. No Exception: libraries that swallow every Exception must not swallow this one."""


def interrupt(*_: object) -> None:
    raise Overtime


load = lru_cache(get)  # a user's own is imported and checked once, not at every answer
in_hand: InHand  # the pool's, of a process that has started


def start(verifier: str, shared: InHand) -> None:
    """Load the verifier (outside any deadline) and limit the memory, so that 10**10**10 fails here and nowhere else."""
    global in_hand
    in_hand = shared
    # pebble takes a process that ends with status 0 for one that was told to, and waits for its answers in vain.
    os._exit = partial(leave, os._exit)  # type: ignore[assignment]
    os.dup2(2, 1)  # standard output carries results only: what a user's own verifier prints is not one
    # pebble's own handler is Python code, which a long big-integer product would keep waiting.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, interrupt)
    load(verifier)
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as statm:
            held = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def leave(end: Callable[[int], NoReturn], status: int) -> NoReturn:
    end(status or 1)


def grade_all(verifier: str, pairs: list[Pair], deadline: float, job: int) -> list[Graded]:
    """Grade the pairs one after another, each within `deadline` seconds, until all of them took longer than that: the
    others are left for another job, so that the end of a process costs little that was graded already.

    A signal interrupts Python code, but has to wait while a long big-integer product is computed. So soon after the
    deadline the process ends: faulthandler's alarm is a C thread, which fires even then, and where the parent is gone.
    """
    graded: list[Graded] = []
    began = time.monotonic()
    armed = -math.inf
    with open(os.devnull, "w") as nowhere:
        try:
            for index, pair in enumerate(pairs):
                now = time.monotonic()
                if graded and now - began > deadline:
                    break
                # Arming starts a thread, which costs more than a cheap verifier: one alarm serves many quick answers.
                if now - armed > GRACE:
                    armed = now
                    faulthandler.dump_traceback_later(deadline + 2 * GRACE, exit=True, file=nowhere)
                in_hand.note(job, index, now)
                graded.append(grade_in_time(verifier, *pair, deadline))
        finally:
            faulthandler.cancel_dump_traceback_later()
    return graded


def grade_in_time(verifier: str, response: str, problem: Problem, deadline: float) -> Graded:
    try:
        signal.setitimer(signal.ITIMER_REAL, deadline)
        try:
            return storable(load(verifier).grade(response, problem)), None
        except Overtime:
            raise
        except BaseException as error:  # noqa: BLE001  whatever a verifier raises, exit() too, is reported
            return Grade(Verdict.ERROR, 0.0), f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Overtime:
        return out_of_time(deadline)


def storable(grade: Grade) -> Grade:
    """The grade with an answer that is valid Unicode: half a surrogate pair could not be written to the lake."""
    if grade.answer is None or grade.answer.isascii():
        return grade
    return replace(grade, answer=grade.answer.encode("utf-8", "replace").decode("utf-8"))


def out_of_time(deadline: float) -> Graded:
    return Grade(Verdict.TIMEOUT, 0.0), f"no verdict within {deadline:g} s"

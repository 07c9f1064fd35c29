"""Grades chunks of responses inside a grading process, within a deadline and a memory limit.

Two guards enforce the deadline. At the deadline a signal raises an exception in Python code. Soon after, an alarm ends
the process, for code that no signal can interrupt (a long big-integer product in C).
"""

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
from typing import Any, NamedTuple, NoReturn

from rise_core.records import Grade, Problem, Verdict
from rise_core.text import error_line
from rise_core.verifiers import get

GRACE = 0.25  # seconds; the alarm ends the process one to two of them after a missed deadline
_MEMORY = 2 << 30  # bytes for grading, on top of the loaded libraries

Pair = tuple[str, Problem]  # a response and its problem


class Graded(NamedTuple):
    """A grade, and the reason where grading failed (verdicts timeout and error)."""

    grade: Grade
    failure: str | None


class ProgressBoard:
    """Shared memory with the pair under grading in every chunk. Its entries survive the death of a process."""

    _SLOTS = 1024  # far more than chunks in progress, whose numbers lie close together

    def __init__(self, context: BaseContext) -> None:
        self._slots: Any = context.RawArray("d", 3 * self._SLOTS)

    def note(self, chunk: int, index: int) -> None:
        """Record the start of a pair: `index` in chunk number `chunk` (from 1)."""
        slot = 3 * (chunk % self._SLOTS)
        self._slots[slot : slot + 3] = (chunk, index, time.monotonic())

    def overdue(self, chunk: int, since: float, until: float, deadline: float) -> int | None:
        """Find the pair beyond its deadline at the end of a chunk's process.

        Args:
            since: Start of the chunk's latest attempt; entries of earlier attempts are ignored (monotonic clock).
            until: End of the process (monotonic clock).
            deadline: Seconds for one pair.

        Returns:
            The pair's index in the chunk; None where no pair was late.
        """
        slot = 3 * (chunk % self._SLOTS)
        number, index, started = self._slots[slot : slot + 3]
        return int(index) if number == chunk and started >= since and until - started > deadline else None


def start(verifier: str, board: ProgressBoard) -> None:
    """Prepare a new process: load the verifier (outside any deadline), install guards, limit memory."""
    global _board
    _board = board
    # pebble takes exit status 0 for an ordered exit and would wait for the results forever. A user's verifier may call
    # `os._exit(0)`, so every direct exit gets a status above 0, and pebble reports the death.
    os._exit = partial(_exit_with_failure, os._exit)  # type: ignore[assignment]
    os.dup2(2, 1)  # standard output is for results; prints of a user's verifier go to standard error
    signal.signal(signal.SIGALRM, _raise_overtime)
    _load(verifier)
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as statm:
            held = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (held + _MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def grade_chunk(verifier: str, pairs: list[Pair], deadline: float, chunk: int) -> list[Graded]:
    """Grade pairs in order, each within `deadline` seconds; stop once the sum is longer.

    The caller sends the remaining pairs again, so the end of a process destroys few finished grades.

    Args:
        chunk: Number of the chunk on the progress board.

    Returns:
        Grades of the first pairs, at least one.
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
                # faulthandler's alarm is a C thread: it ends the process in the middle of C code, and after the death
                # of the parent. Starting the thread costs more than a cheap grade, so one alarm serves many pairs.
                if now - armed > GRACE:
                    armed = now
                    faulthandler.dump_traceback_later(deadline + 2 * GRACE, exit=True, file=nowhere)
                _board.note(chunk, index)
                graded.append(_grade_in_time(verifier, *pair, deadline))
        finally:
            faulthandler.cancel_dump_traceback_later()
    return graded


def timed_out(deadline: float) -> Graded:
    """Return the grade of a response with no verdict within `deadline` seconds."""
    return Graded(Grade(Verdict.TIMEOUT, 0.0), f"no verdict within {deadline:g} s")


class _Overtime(BaseException):
    """Raised at the deadline. No Exception, so that no library's `except Exception` can swallow the deadline."""


_board: ProgressBoard  # of the pool, set at the start of the process
_load = lru_cache(get)  # a user's verifier is imported and checked once, not for every response


def _raise_overtime(*_: object) -> None:
    raise _Overtime


def _exit_with_failure(exit_process: Callable[[int], NoReturn], status: int) -> NoReturn:
    exit_process(status or 1)


def _grade_in_time(verifier: str, response: str, problem: Problem, deadline: float) -> Graded:
    try:
        signal.setitimer(signal.ITIMER_REAL, deadline)
        try:
            return Graded(_storable(_load(verifier).grade(response, problem)), None)
        except _Overtime:
            raise
        except BaseException as error:  # noqa: BLE001  every exception of a verifier is reported, exit() too
            return Graded(Grade(Verdict.ERROR, 0.0), error_line(error, with_type=True, limit=200))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _Overtime:
        return timed_out(deadline)


def _storable(grade: Grade) -> Grade:
    """Make the answer valid Unicode: the lake cannot store half a surrogate pair."""
    if grade.answer is None or grade.answer.isascii():
        return grade
    return replace(grade, answer=grade.answer.encode("utf-8", "replace").decode("utf-8"))

"""Grading processes with a hard deadline for every answer.

A verifier may hang (`9**9**9**9`), eat memory or crash on what a model writes, so it never runs in the caller's
process: it runs in the main thread of a spawned one, interrupted at the deadline and, where that fails, killed.

    with GradingPool("math", workers=2, timeout=5.0) as pool:
        grades = pool.grade([(response, problem), ...])
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import time
import weakref
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from pebble import ProcessExpired, ProcessPool

from rise.core.errors import Closed, UserError
from rise.core.records import Grade, Problem, Verdict
from rise.core.text import one_line
from rise.core.verifiers import NAMES, get, grading_process
from rise.core.verifiers.grading_process import Graded, Pair

CHUNK = 64  # answers in one message to a process: the hop costs more than a cheap verifier
STARTS = 3  # of the processes, before they count as unable to start
STUCK = 60.0  # seconds beyond which processes that finish nothing are replaced, on top of a job's deadline

log = logging.getLogger(__name__)


@dataclass(slots=True, weakref_slot=True)
class Job:
    """Pairs on their way through a grading process; `_schedule` fills in the latest try."""

    places: list[int]  # of the pairs among all that are graded
    pairs: list[Pair]
    alone: bool  # one pair whose process died before: if it dies again, its answer is to blame
    number: int = field(init=False)
    pool: ProcessPool = field(init=False)
    future: Future[list[Graded]] = field(init=False)
    ended: float = field(init=False)  # on the monotonic clock; 0 before


class GradingPool:
    """Grades answers with one verifier. Threads may share it. Processes start with the first answers."""

    def __init__(self, verifier: str, workers: int = 1, timeout: float = 5.0) -> None:
        """`timeout`: seconds that one answer may take. Raises UserError for an unknown verifier."""
        if verifier not in NAMES:
            get(verifier)
        if timeout <= 0:
            raise UserError(f"config: verify.timeout must be above 0, not {timeout}")
        self.verifier, self.workers, self.timeout = verifier, workers, timeout
        # A process keeps every answer's deadline itself; this one is for a process that cannot.
        self._job_deadline = 2 * (timeout + 2 * grading_process.GRACE)
        self._context = multiprocessing.get_context("spawn")
        self._in_hand = grading_process.InHand(self._context)
        self._numbers = itertools.count(1)
        self._lock = Lock()
        self._pool: ProcessPool | None = None
        self._pending: set[Future[list[Graded]]] = set()
        self._moved = 0.0  # when a job last came or went, on the monotonic clock
        self._closed = False

    def grade(self, items: Sequence[Pair]) -> list[Grade]:
        """One grade for each (response, problem), in order. Blocks; never raises for what a response does.

        A response that takes too long gets verdict `timeout`, one on which the verifier raises or dies `error`: both
        with reward 0.0 and no answer. Equal pairs are graded once. Raises Closed where the pool is closed.
        """
        keys = [(response, problem.split, problem.problem_id, problem.answer) for response, problem in items]
        unique = dict(zip(keys, items, strict=True))
        graded = dict(zip(unique, self._grade_all(list(unique.values())), strict=True))
        report_failures(graded.values())
        return [graded[key][0] for key in keys]

    def check_golds(self, problems: Sequence[Problem]) -> None:
        """Grade the gold answers of some problems as responses. Raises UserError where that fails on all, or where not
        one of them can be read: such a verifier can grade nothing."""
        first = problems[0].problem_id
        try:
            found = self._grade_all([(problem.answer, problem) for problem in problems])
        except RuntimeError as error:
            raise UserError(f"config: verify.verifier={self.verifier} cannot be loaded: {error}") from error
        grade, why = found[0]
        if all(reason is not None for _, reason in found):
            raise UserError(
                f"config: verify.verifier={self.verifier} gives verdict {grade.verdict.value} for the gold answer of "
                f"problem {first}: {why}"
            )
        if all(grade.verdict is Verdict.GOLD_UNPARSEABLE for grade, _ in found):
            raise UserError(
                f"config: verify.verifier={self.verifier} can read no gold answer of {len(found)} problems, from "
                f"{first} on ({one_line(problems[0].answer)[:60]!r}): name another verifier, or the right column in "
                "problems.fields.answer"
            )

    def close(self) -> None:
        """End the processes at once; a `grade` still waiting in another thread raises RuntimeError."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
            for future in list(self._pending):
                future.cancel()
        if pool is not None:
            pool.stop()
            pool.join()

    def __enter__(self) -> GradingPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _grade_all(self, pairs: list[Pair]) -> list[Graded]:
        """The grades of all pairs, in order. What a process leaves undone goes to the end of the line."""
        places = list(range(len(pairs)))
        waiting = deque(self._submit(places[at : at + CHUNK], pairs) for at in places[::CHUNK])
        graded: dict[int, Graded] = {}
        while waiting:
            job = waiting.popleft()
            found, alone = self._outcome(job)
            graded |= found
            left = [place for place in job.places if place not in found]
            parts = [[place] for place in left] if alone else [left] if left else []
            waiting += [self._submit(part, pairs, alone) for part in parts]
        return [graded[place] for place in places]

    def _outcome(self, job: Job) -> tuple[dict[int, Graded], bool]:
        """The grades that a job gave, by place, and whether its other pairs must now go one by one, so that only the
        answer to blame for the death of a process pays."""
        try:
            return dict(zip(job.places, self._wait(job), strict=False)), False
        except TimeoutError:
            blamed = grading_process.out_of_time(self.timeout)
        except ProcessExpired as death:
            late = self._in_hand.late(job.number, job.ended or time.monotonic(), self.timeout)
            if late is not None:
                return {job.places[late]: grading_process.out_of_time(self.timeout)}, False
            blamed = (Grade(Verdict.ERROR, 0.0), f"the grading process died (exit code {death.exitcode})")
        return ({job.places[0]: blamed}, False) if job.alone else ({}, True)

    def _submit(self, places: list[int], pairs: list[Pair], alone: bool = False) -> Job:
        job = Job(places, [pairs[place] for place in places], alone)
        self._schedule(job)
        return job

    def _schedule(self, job: Job) -> None:
        with self._lock:
            if self._closed:
                raise Closed("the grading pool is closed")
            if self._pool is not None and not self._pool.active:
                self._pool.join()  # broken: end what is left of it and start anew
                self._pool = None
            if self._pool is None:
                self._pool = ProcessPool(
                    max_workers=self.workers,
                    initializer=grading_process.start,
                    initargs=(self.verifier, self._in_hand),
                    context=self._context,
                )
            job.number, job.pool, job.ended = next(self._numbers), self._pool, 0.0
            arguments = (self.verifier, job.pairs, self.timeout, job.number)
            job.future = self._pool.schedule(grading_process.grade_all, args=arguments, timeout=self._job_deadline)
            self._pending.add(job.future)
            self._moved = time.monotonic()
        # Weakly: a future keeps its callbacks, so that the job's answers would wait in memory for the cycle collector.
        job.future.add_done_callback(partial(self._left, weakref.ref(job)))

    def _left(self, of: weakref.ref[Job], future: Future[list[Graded]]) -> None:
        self._pending.discard(future)
        self._moved = time.monotonic()
        job = of()
        if job is not None and future is job.future:  # and not an earlier try
            job.ended = self._moved

    def _wait(self, job: Job) -> list[Graded]:
        """The job's grades. Raises TimeoutError or ProcessExpired where an answer is to blame."""
        for tries in range(1, STARTS + 1):
            try:
                self._watch(job)
                return job.future.result()
            except (BrokenProcessPool, CancelledError):  # a process died or stopped between two jobs: no answer's fault
                if tries < STARTS or self._closed:
                    self._schedule(job)
        raise RuntimeError(
            "the grading processes die as soon as they start (see what is logged above); a script that grades needs an "
            '`if __name__ == "__main__":` guard'
        )

    def _watch(self, job: Job) -> None:
        """Wait for a job. pebble counts a deadline from the moment that a process takes the job and ends the process
        between two messages, so one that stops before or in a message is noticed here."""
        while not job.future.done():
            try:
                job.future.exception(timeout=1.0)
            except TimeoutError:
                if time.monotonic() - self._moved > STUCK + self._job_deadline:
                    self._replace(job.pool)

    def _replace(self, pool: ProcessPool) -> None:
        """End the processes; the next job starts new ones. The jobs that they had are cancelled."""
        with self._lock:
            done = self._pool is not pool  # by another thread
            if done:
                return
            self._pool = None
            for future in list(self._pending):
                future.cancel()
        log.warning("the grading processes have stopped: they are replaced")
        pool.stop()
        pool.join()


def report_failures(graded: Iterable[Graded]) -> None:
    """Log why answers could not be graded, one line a reason: a failing verifier must not look like failing answers."""
    reasons = Counter((grade.verdict, why) for grade, why in graded if why is not None)
    for (verdict, why), count in reasons.most_common(5):
        log.warning("%d answer(s) got verdict %s: %s", count, verdict, one_line(why))

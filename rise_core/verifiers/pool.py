"""Grading processes with a hard deadline for every answer.

A verifier may hang (`9**9**9**9`), eat memory or crash on what a model writes, so it never runs in the caller's
process: it runs in the main thread of a spawned one, interrupted at the deadline and, where that fails, killed.

    with GradingPool("math", workers=2, timeout=5.0) as pool:
        grades = pool.grade([(response, problem), ...])
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from threading import Lock

from pebble import ProcessExpired, ProcessPool

from rise_core.errors import Closed, UserError
from rise_core.printable import one_line
from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import NAMES, get, worker
from rise_core.verifiers.worker import Graded, Pair

CHUNK = 64  # answers in one message to a process: the hop costs more than a cheap verifier
STARTS = 3  # of the processes, before they count as unable to start
STUCK = 60.0  # seconds beyond which processes that finish nothing are replaced, on top of the running jobs' deadline

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Pairs on their way through a grading process."""

    pairs: list[Pair]
    future: Future[list[Graded]]
    pool: ProcessPool


class GradingPool:
    """Grades answers with one verifier. Threads may share it. Processes start with the first answers."""

    def __init__(self, verifier: str, workers: int = 1, timeout: float = 5.0) -> None:
        """`timeout`: seconds that one answer may take. Raises UserError for an unknown verifier."""
        if verifier not in NAMES:
            get(verifier)
        if timeout <= 0:
            raise UserError(f"config: verify.timeout must be above 0, not {timeout}")
        self.verifier, self.workers, self.timeout = verifier, workers, timeout
        self._lock = Lock()
        self._pool: ProcessPool | None = None
        self._pending: dict[Future[list[Graded]], float] = {}  # and its deadline, once a process has taken it
        self._moved = 0.0  # when a job last came or went, on the monotonic clock
        self._closed = False

    def grade(self, items: Sequence[Pair]) -> list[Grade]:
        """One grade for each (response, problem), in order. Blocks; never raises for what a response does.

        A response that takes too long gets verdict `timeout`, one on which the verifier raises or dies `error`: both
        with reward 0.0 and no answer. Equal pairs are graded once. Raises Closed where the pool is closed.
        """
        keys = [(response, problem.split, problem.problem_id, problem.answer) for response, problem in items]
        unique = dict(zip(keys, items, strict=True))
        pairs = list(unique.values())
        chunks = [pairs[start : start + CHUNK] for start in range(0, len(pairs), CHUNK)]
        graded = dict(zip(unique, self._grade_chunks(chunks), strict=True))
        report_failures(graded.values())
        return [graded[key][0] for key in keys]

    def refuse_failing(self, problems: Sequence[Problem]) -> None:
        """Grade the gold answers of some problems as responses. Raises UserError where that fails on all, or where not
        one of them can be read: such a verifier can grade nothing."""
        first = problems[0].problem_id
        try:
            found = self._grade_chunks([[(problem.answer, problem) for problem in problems]])
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

    def _grade_chunks(self, chunks: list[list[Pair]]) -> list[Graded]:
        jobs = [self._submit(chunk) for chunk in chunks]
        graded: list[Graded] = []
        for job in jobs:
            try:
                graded += self._wait(job)
            except (TimeoutError, ProcessExpired):
                graded += self._grade_alone(job.pairs)
        return graded

    def _grade_alone(self, pairs: list[Pair]) -> list[Graded]:
        """Grade a chunk that did not come back one by one, so that only the answer to blame pays."""
        jobs = [self._submit([pair]) for pair in pairs]
        graded: list[Graded] = []
        for job in jobs:
            try:
                graded += self._wait(job)
            except TimeoutError:
                graded.append(worker.out_of_time(self.timeout))
            except ProcessExpired as death:
                graded.append((Grade(Verdict.ERROR, 0.0), f"the grading process died (exit code {death.exitcode})"))
        return graded

    def _submit(self, pairs: list[Pair]) -> Job:
        with self._lock:
            if self._closed:
                raise Closed("the grading pool is closed")
            if self._pool is not None and not self._pool.active:
                self._pool.join()  # broken: end what is left of it and start anew
                self._pool = None
            if self._pool is None:
                self._pool = ProcessPool(
                    max_workers=self.workers,
                    initializer=worker.start,
                    initargs=(self.verifier,),
                    context=multiprocessing.get_context("spawn"),
                )
            # The process keeps every answer's deadline itself; this one is for a process that cannot.
            deadline = (self.timeout + worker.GRACE) * len(pairs)
            future = self._pool.schedule(worker.grade_all, args=(self.verifier, pairs, self.timeout), timeout=deadline)
            self._pending[future] = deadline
            self._moved = time.monotonic()
            job = Job(pairs, future, self._pool)
        future.add_done_callback(self._left)
        return job

    def _left(self, future: Future[list[Graded]]) -> None:
        self._pending.pop(future, None)
        self._moved = time.monotonic()

    def _wait(self, job: Job) -> list[Graded]:
        """The job's grades. Raises TimeoutError or ProcessExpired where an answer is to blame."""
        for tries in range(1, STARTS + 1):
            try:
                self._watch(job)
                return job.future.result()
            except (BrokenProcessPool, CancelledError):  # a process died or stopped between two jobs: no answer's fault
                if tries < STARTS or self._closed:
                    job = self._submit(job.pairs)
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
                running = [deadline for future, deadline in list(self._pending.items()) if future.running()]
                if time.monotonic() - self._moved > STUCK + max(running, default=0.0):
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

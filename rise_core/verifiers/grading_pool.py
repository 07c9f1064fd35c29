"""Grades responses in processes, with a hard deadline for every response.

A verifier may hang (`9**9**9**9`), exhaust the memory or crash on a model's response. So verifiers never run in the
caller's process but in spawned ones, interrupted at the deadline and ended where no interrupt helps.

    with GradingPool("math", workers=2, timeout=5.0) as pool:
        grades = pool.grade([(response, problem), ...])
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pebble import ProcessExpired

from rise_core.errors import UserError
from rise_core.records import Grade, Problem, Verdict
from rise_core.text import one_line
from rise_core.verifiers import NAMES, get
from rise_core.verifiers.grading_process import GRACE, Graded, Pair, ProgressBoard, grade_chunk, start, timed_out
from rise_core.verifiers.restarting_pool import Call, RestartingPool

CHUNK = 64  # pairs in one message to a process: a message costs more than a cheap grade

_log = logging.getLogger(__name__)


@dataclass(slots=True, weakref_slot=True)
class Chunk:
    """Pairs on their way through one call of a grading process."""

    number: int  # from 1, on the progress board
    positions: list[int]  # of the pairs in the whole batch
    suspect: bool  # a single pair of a chunk whose process died; if its process dies again, this response is at fault
    call: Call


class GradingPool:
    """Grades responses with one verifier. Threads may share a pool. Processes start with the first responses."""

    def __init__(self, verifier: str, workers: int = 1, timeout: float = 5.0) -> None:
        """
        Args:
            verifier: Name of a verifier, or `module:function`.
            workers: Number of processes.
            timeout: Seconds for one response.

        Raises:
            UserError: There is no such verifier, or the timeout is not above 0.
        """
        if verifier not in NAMES:  # a known one is loaded in the processes alone: some take seconds to import
            get(verifier)
        if timeout <= 0:
            raise UserError(f"config: verify.timeout must be above 0, not {timeout}")
        self.verifier = verifier
        self._timeout = timeout
        context = multiprocessing.get_context("spawn")
        self._board = ProgressBoard(context)
        self._numbers = itertools.count(1)
        # The processes enforce the deadlines themselves. The pool's deadline, above that of any chunk, is for a process
        # unable to do so.
        self._pool = RestartingPool(workers, 2 * (timeout + 2 * GRACE), context, start, (verifier, self._board))

    def grade(self, pairs: Sequence[Pair]) -> list[Grade]:
        """Grade (response, problem) pairs; equal pairs are graded once. Never raises for a response's content.

        Returns:
            One grade a pair, in order. A response beyond the deadline gets verdict `timeout`; a response on which the
            verifier raises or dies gets `error`. Both have reward 0.0 and no answer.

        Raises:
            Closed: The pool is closed.
        """
        # A problem is not hashable (its metadata is a dict); these fields identify a pair.
        keys = [(response, problem.split, problem.problem_id, problem.answer) for response, problem in pairs]
        unique = dict(zip(keys, pairs, strict=True))
        graded = dict(zip(unique, self._grade_all(list(unique.values())), strict=True))
        report_failures(graded.values())
        return [graded[key].grade for key in keys]

    def check_golds(self, problems: Sequence[Problem]) -> None:
        """Check that the verifier can read gold answers, by grading some as responses.

        Raises:
            UserError: Grading fails for every gold answer, or no gold answer can be read.
        """
        first = problems[0].problem_id
        try:
            graded = self._grade_all([(problem.answer, problem) for problem in problems])
        except RuntimeError as error:
            raise UserError(f"config: verify.verifier={self.verifier} cannot be loaded: {error}") from error
        grade, failure = graded[0]
        if all(each.failure is not None for each in graded):
            raise UserError(
                f"config: verify.verifier={self.verifier} gives verdict {grade.verdict.value} for the gold answer of "
                f"problem {first}: {failure}"
            )
        if all(each.grade.verdict is Verdict.GOLD_UNPARSEABLE for each in graded):
            raise UserError(
                f"config: verify.verifier={self.verifier} can read no gold answer of {len(graded)} problems, from "
                f"{first} on ({one_line(problems[0].answer)[:60]!r}): name another verifier, or the right column in "
                "problems.fields.answer"
            )

    def close(self) -> None:
        """End the processes at once; a `grade` in another thread raises Closed."""
        self._pool.close()

    def __enter__(self) -> GradingPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _grade_all(self, pairs: list[Pair]) -> list[Graded]:
        """Grade all pairs, in order. Pairs left ungraded by a process go to the end of the queue."""
        positions = list(range(len(pairs)))
        queue = deque(self._submit(positions[at : at + CHUNK], pairs) for at in positions[::CHUNK])
        graded: dict[int, Graded] = {}
        while queue:
            chunk = queue.popleft()
            grades, one_by_one = self._wait(chunk)
            graded |= grades
            rest = [position for position in chunk.positions if position not in grades]
            parts = [[position] for position in rest] if one_by_one else [rest] if rest else []
            queue += [self._submit(part, pairs, suspect=one_by_one) for part in parts]
        return [graded[position] for position in positions]

    def _submit(self, positions: list[int], pairs: list[Pair], suspect: bool = False) -> Chunk:
        number = next(self._numbers)
        part = [pairs[position] for position in positions]
        call = self._pool.submit(grade_chunk, self.verifier, part, self._timeout, number)
        return Chunk(number, positions, suspect, call)

    def _wait(self, chunk: Chunk) -> tuple[dict[int, Graded], bool]:
        """Wait for a chunk.

        Returns:
            Grades by position, and whether the remaining pairs must go one by one. The latter follows the death of a
            process with an unknown culprit, so that no innocent response gets verdict error.
        """
        try:
            return dict(zip(chunk.positions, self._pool.result(chunk.call), strict=False)), False
        except TimeoutError:
            blame = timed_out(self._timeout)
        except ProcessExpired as death:
            ended = chunk.call.ended or time.monotonic()
            overdue = self._board.overdue(chunk.number, chunk.call.submitted, ended, self._timeout)
            if overdue is not None:
                return {chunk.positions[overdue]: timed_out(self._timeout)}, False
            blame = Graded(Grade(Verdict.ERROR, 0.0), f"the grading process died (exit code {death.exitcode})")
        return ({chunk.positions[0]: blame}, False) if chunk.suspect else ({}, True)


def report_failures(graded: Iterable[tuple[Grade, str | None]]) -> None:
    """Log the reasons for failed grading, one line each. Failing verifiers must not look like failing responses."""
    reasons = Counter((grade.verdict, failure) for grade, failure in graded if failure is not None)
    for (verdict, failure), count in reasons.most_common(5):
        _log.warning("%d answer(s) got verdict %s: %s", count, verdict, one_line(failure))

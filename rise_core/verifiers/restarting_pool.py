"""A process pool (pebble's) with replacements for processes that die between two calls or stop.

pebble gives every call a deadline and reports the death of its process. Two faults remain for this module: the death of
a process between two calls breaks the whole pool, and a stopped process may block the others forever.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import BaseContext
from threading import Lock
from typing import Any

from pebble import ProcessPool

from rise_core.errors import Closed

STUCK = 60.0  # seconds without any progress, on top of a call's deadline, after which the processes are replaced
_ATTEMPTS = 3  # of one call, before the processes count as unable to start

_log = logging.getLogger(__name__)


@dataclass(slots=True, weakref_slot=True, eq=False)
class Call:
    """A call of a function in a process. The fields after `arguments` belong to the latest attempt."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    pool: ProcessPool = field(init=False)
    future: Future[Any] = field(init=False)
    submitted: float = field(init=False)  # monotonic clock
    ended: float | None = field(init=False)  # monotonic clock


class RestartingPool:
    """Calls functions in processes. Threads may share a pool. Processes start with the first call."""

    def __init__(
        self,
        workers: int,
        deadline: float,
        context: BaseContext,
        initializer: Callable[..., None],
        initargs: tuple[Any, ...],
    ) -> None:
        """
        Args:
            deadline: Seconds for one call in a process; a later process is ended.
            initializer: Function for every new process, with arguments `initargs`.
        """
        self._deadline = deadline
        self._new_pool = partial(
            ProcessPool, max_workers=workers, initializer=initializer, initargs=initargs, context=context
        )
        self._lock = Lock()
        self._pool: ProcessPool | None = None
        self._pending: set[Future[Any]] = set()
        self._progressed = 0.0  # when a call last started or ended, monotonic clock
        self._closed = False

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Call:
        """Start a call.

        Raises:
            Closed: The pool is closed.
        """
        call = Call(function, arguments)
        self._start(call)
        return call

    def result(self, call: Call) -> Any:
        """Wait for the result of a call.

        Raises:
            TimeoutError: The call took longer than the deadline.
            ProcessExpired: The call's process died.
            Closed: The pool is closed.
            RuntimeError: No process can start.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._wait(call)
                return call.future.result()
            except (BrokenProcessPool, CancelledError):  # the process died or stopped outside the call
                if attempt < _ATTEMPTS or self._closed:
                    self._start(call)
        raise RuntimeError(
            "the grading processes die as soon as they start (see what is logged above); a script that grades needs an "
            '`if __name__ == "__main__":` guard'
        )

    def close(self) -> None:
        """End the processes at once. A thread in `result` gets Closed."""
        with self._lock:
            self._closed = True
            pool = self._detach_pool()
        if pool is not None:
            _end(pool)

    def _start(self, call: Call) -> None:
        with self._lock:
            if self._closed:
                raise Closed("the grading pool is closed")
            if self._pool is not None and not self._pool.active:
                self._pool.join()  # broken: end the remaining processes
                self._pool = None
            if self._pool is None:
                self._pool = self._new_pool()
            call.pool, call.ended = self._pool, None
            call.submitted = self._progressed = time.monotonic()
            call.future = self._pool.schedule(call.function, args=call.arguments, timeout=self._deadline)
            self._pending.add(call.future)
        # A weak reference: a future keeps its callbacks, and a reference cycle would hold the arguments in memory.
        call.future.add_done_callback(partial(self._note_end, weakref.ref(call)))

    def _note_end(self, reference: weakref.ref[Call], future: Future[Any]) -> None:
        self._pending.discard(future)
        self._progressed = time.monotonic()
        call = reference()
        if call is not None and future is call.future:  # not an earlier attempt
            call.ended = self._progressed

    def _wait(self, call: Call) -> None:
        """Wait for the end of a call, and replace the processes once nothing progresses.

        pebble counts a deadline from the moment a process takes the call, and ends a process only between two messages.
        A process stopped before or inside a message would block every thread forever.
        """
        while not call.future.done():
            try:
                call.future.exception(timeout=1.0)
            except TimeoutError:
                if time.monotonic() - self._progressed > STUCK + self._deadline:
                    self._replace(call.pool)

    def _replace(self, pool: ProcessPool) -> None:
        """Cancel all calls and end the processes; the next attempt starts new ones."""
        with self._lock:
            if self._pool is not pool:  # another thread was first
                return
            self._detach_pool()
        _log.warning("the grading processes have stopped: they are replaced")
        _end(pool)

    def _detach_pool(self) -> ProcessPool | None:
        pool, self._pool = self._pool, None
        for future in list(self._pending):
            future.cancel()
        return pool


def _end(pool: ProcessPool) -> None:
    pool.stop()
    pool.join()

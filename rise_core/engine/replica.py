"""The driver's side of an engine: starts the actor, sets deadlines for calls, and replaces a dead actor."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from rise_core.config.engine_keys import Engine
from rise_core.engine.actor import EngineActor, EngineInfo
from rise_core.engine.settings import EngineSpec, actor_options
from rise_core.errors import EngineError, EngineLost
from rise_core.records import Checkpoint
from rise_core.text import error_line

# Takes an engine's settings and cores. Returns an actor that has begun to import vLLM under them, or None.
Spare = Callable[[Engine, tuple[int, ...]], Any]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _PendingCall:
    """A call to an actor, submitted and not yet answered."""

    method: str
    actor: Any
    reference: Any  # Ray's, of the result
    timeout: float  # seconds from the submission
    deadline: float  # monotonic seconds


class Replica:
    """One engine of a pool. Several threads may call at once; every wait has a deadline."""

    def __init__(self, name: str, config: Engine, spec: EngineSpec, spare: Spare | None = None) -> None:
        """Start nothing yet.

        Args:
            name: Prefix of the actor's name, and the engine's name in errors.
            spare: Gives actors started before the pool; see `Spare`.
        """
        self.name = name
        self.config = config
        self.actor: Any = None  # None: not started, or dead
        self.info: EngineInfo | None = None
        self.in_flight = 0  # shards; counted by the pool
        self._spec = spec
        self._spare = spare
        self._failed: tuple[Any, str] | None = None  # the actor that failed last, and the reason
        self._starting = threading.Lock()

    def submit_load(self, checkpoint: Checkpoint) -> _PendingCall:
        """Begin to serve a checkpoint, in a new actor where none is alive. Await with `await_load`."""
        return self.submit("use", checkpoint) if self.actor else self._launch(checkpoint)

    def await_load(self, call: _PendingCall) -> None:
        """Wait until the checkpoint is served. Raises EngineLost or EngineError, like `await_result`."""
        info = self.await_result(call)
        if info is not None:  # of an engine that has just started
            self.info = info
            _log.info("engine %s is up, process %d", self.name, info.pid)

    def start_if_dead(self, checkpoint: Checkpoint) -> None:
        """Start a new actor where none is alive. The first thread starts the actor, the others wait."""
        with self._starting:
            if self.actor is None:
                _log.warning("engine %s is started again", self.name)
                self.await_load(self._launch(checkpoint))

    def run(self, method: str, *arguments: Any) -> Any:
        """Call a method of the actor and wait. Raises EngineLost or EngineError, like `await_result`."""
        return self.await_result(self.submit(method, *arguments))

    def submit(self, method: str, *arguments: Any, timeout: float | None = None) -> _PendingCall:
        """Call a method of the actor without waiting.

        Args:
            timeout: Seconds until the deadline; None: `engine.timeout`.

        Raises:
            EngineLost: The actor is dead.
        """
        actor = self.actor
        if actor is None:
            raise EngineLost(f"engine {self.name} is dead, {method}() was not sent")
        timeout = self.config.timeout if timeout is None else timeout
        deadline = time.monotonic() + timeout
        return _PendingCall(method, actor, getattr(actor, method).remote(*arguments), timeout, deadline)

    def await_result(self, call: _PendingCall) -> Any:
        """Wait for a call. A failure ends the actor: the state of the engine is unknown.

        Raises:
            EngineLost: The engine is dead or has failed.
            EngineError: The engine did not answer before the deadline.
        """
        try:
            return ray.get(call.reference, timeout=max(0.0, call.deadline - time.monotonic()))
        except GetTimeoutError as error:
            reason = f"did not finish {call.method}() within {call.timeout:g} s and was ended"
            self.fail(call.actor, reason)
            raise EngineError(f"engine {self.name} {reason}") from error
        except RayTaskError as error:
            reason = f"failed in {call.method}(): {error_line(error.cause)}"
            self.fail(call.actor, reason)
            raise EngineLost(f"engine {self.name} {reason}") from error
        except RayError as error:
            # After another call's failure Ray reports only the kill, not its cause.
            failed = self._failed
            cause = failed[1] if failed and failed[0] is call.actor else None
            death = error_line(error).partition(" Some common causes")[0]  # without Ray's guesses for every death
            self.kill(call.actor)
            raise EngineLost(f"engine {self.name} {cause or f'died during {call.method}(): {death}'}") from error

    def fail(self, actor: Any, reason: str) -> None:
        """End an actor with an engine in an unknown state. Of several reasons, the first is the cause."""
        if self._failed is None or self._failed[0] is not actor:
            self._failed = (actor, reason)
        self.kill(actor)

    def kill(self, actor: Any = None) -> None:
        """End an actor's process; None: the current actor's. `start_if_dead` starts another."""
        actor = actor or self.actor
        if actor is None:
            return
        if actor is self.actor:
            self.actor = None
        try:
            ray.kill(actor)
        except RayError as error:
            _log.info("engine %s was dead already: %s", self.name, error_line(error))

    def _launch(self, checkpoint: Checkpoint) -> _PendingCall:
        """Start an actor with a checkpoint."""
        # The name of a dead actor may linger, also that of a killed driver on a shared Ray, so every start has its own.
        options = actor_options(self.config, f"{self.name}-{uuid4().hex[:8]}")
        spec = replace(self._spec, arguments={**self._spec.arguments, "model": checkpoint.weights_dir})
        try:
            spare = self._spare(self.config, spec.cores) if self._spare is not None else None
            self.actor = spare or ray.remote(EngineActor).options(**options).remote(spec.cores)
        except ValueError as error:
            raise EngineError(f"engine {self.name} cannot start: {error_line(error)}") from error
        return self.submit("start", spec, checkpoint, timeout=self.config.start_timeout)

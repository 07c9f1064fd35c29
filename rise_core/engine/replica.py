"""The driver's side of one engine: start its actor, call it with a deadline, replace it when it is gone."""

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

from rise.core.config.engine_keys import Engine
from rise.core.engine import early
from rise.core.engine.actor import EngineActor, EngineInfo
from rise.core.engine.settings import EngineSpec, actor_options
from rise.core.errors import EngineError, EngineLost
from rise.core.records import Checkpoint

# Takes an engine's settings and cores. Returns an actor that has begun to import vLLM under them, or None.
Spare = Callable[[Engine, tuple[int, ...]], Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is on its way to an actor."""

    what: str
    actor: Any
    reference: Any
    sent: float


class Replica:
    """One engine of a pool. Calls block; several threads may call at once."""

    def __init__(self, name: str, config: Engine, spec: EngineSpec, spare: Spare | None = None) -> None:
        self.name = name
        self.config = config
        self.spec = spec
        self.spare = spare or early.take
        self.actor: Any = None  # None: not started, or gone
        self.info: EngineInfo | None = None
        self.ended: tuple[Any, str] | None = None  # the actor that `wait` ended last, and why
        self.in_flight = 0  # shards; kept by the pool
        self.lock = threading.Lock()

    def launch(self, checkpoint: Checkpoint) -> Call:
        """Start an actor with a checkpoint; hand the call to `settle`."""
        # The name of a dead actor may linger, also that of a killed driver on a shared Ray, so every start has its own.
        options = actor_options(self.config, f"{self.name}-{uuid4().hex[:8]}")
        spec = replace(self.spec, arguments={**self.spec.arguments, "model": checkpoint.weights_dir})
        try:
            self.actor = self.spare(self.config, spec.cores) or ray.remote(EngineActor).options(**options).remote(
                spec.cores
            )
        except ValueError as error:
            raise EngineError(f"engine {self.name} cannot start: {tidy(error)}") from error
        return self.send("ready", spec, checkpoint)

    def settle(self, started: Call, deadline: float) -> None:
        """Wait until a launched engine is up."""
        self.info = self.wait(started, deadline)
        log.info("engine %s is up, process %d", self.name, self.info.pid)

    def ensure(self, checkpoint: Checkpoint) -> None:
        """Start the engine anew if it is gone. One thread does it, the others wait for it."""
        with self.lock:
            if self.actor is None:
                log.warning("engine %s is started anew", self.name)
                self.settle(self.launch(checkpoint), time.monotonic() + self.config.start_timeout)

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the actor. EngineLost: it is gone or unusable. EngineError: it did not answer in time."""
        return self.wait(self.send(method, *arguments), time.monotonic() + self.config.timeout)

    def send(self, method: str, *arguments: Any) -> Call:
        actor = self.actor
        if actor is None:
            raise EngineLost(f"engine {self.name} is gone, {method}() was not sent")
        return Call(method, actor, getattr(actor, method).remote(*arguments), time.monotonic())

    def wait(self, call: Call, deadline: float) -> Any:
        """The call's result. After any failure the actor is ended, because its engine's state is unknown."""
        try:
            return ray.get(call.reference, timeout=max(0.0, deadline - time.monotonic()))
        except GetTimeoutError as error:
            waited = time.monotonic() - call.sent
            reason = f"did not finish {call.what}() within {waited:.0f} s and was ended"
            self.end(call.actor, reason)
            raise EngineError(f"engine {self.name} {reason}") from error
        except RayTaskError as error:
            reason = f"failed in {call.what}(): {tidy(error.cause)}"
            self.end(call.actor, reason)
            raise EngineLost(f"engine {self.name} {reason}") from error
        except RayError as error:
            # Of a call that another call's failure ended, Ray tells only that we killed the actor.
            known = self.ended[1] if self.ended and self.ended[0] is call.actor else None
            died = tidy(error).partition(" Some common causes")[0]  # Ray's guesses for every death
            self.kill(call.actor)
            raise EngineLost(f"engine {self.name} {known or f'died during {call.what}(): {died}'}") from error

    def end(self, actor: Any, reason: str) -> None:
        """End an actor whose engine's state is unknown. The first reason is the cause, later ones follow from it."""
        if self.ended is None or self.ended[0] is not actor:
            self.ended = (actor, reason)
        self.kill(actor)

    def kill(self, actor: Any = None) -> None:
        """End an actor's process, by default the current one's; `ensure` starts another."""
        actor = actor or self.actor
        if actor is None:
            return
        if actor is self.actor:
            self.actor = None
        try:
            ray.kill(actor)
        except RayError as error:
            log.info("engine %s was gone already: %s", self.name, tidy(error))


def tidy(error: BaseException) -> str:
    """An error's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__

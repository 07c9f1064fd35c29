"""The gate in front of a paid endpoint: a budget in requests and tokens for the whole run, and a way to stop all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rise_core.config import Teacher
from rise_core.engine.ledger import Usage
from rise_core.errors import UserError


class Budget:
    """What may still be spent. A request in flight holds the most that it may cost, so that those side by side do not
    overdraw together. For the coroutines of one event loop."""

    def __init__(self, config: Teacher, used: Usage) -> None:
        self.max_requests, self.max_tokens = config.max_requests, config.max_tokens
        self.used = used
        self.in_flight = self.held = 0
        self.stopped: str | None = None  # why no request is sent any more
        self.changed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, tokens: int) -> AsyncIterator[None]:
        """Wait until a request of at most so many tokens fits; hold them while the block runs.

        Raises UserError when it cannot fit any more: then nothing is in flight, so all that was paid for is kept. An
        error in the block stops all that comes after it.
        """
        async with self.changed:
            await self.changed.wait_for(lambda: self.stopped or self.fits(tokens) or not self.in_flight)
            if not self.stopped and not self.fits(tokens):
                self.stop(self.spent(tokens))
            if self.stopped:
                raise UserError(self.stopped)
            self.in_flight += 1
            self.held += tokens
        try:
            yield
        except Exception as error:
            self.stop(str(error))
            raise
        finally:
            self.in_flight -= 1
            self.held -= tokens
            await self.tell()

    def fits(self, tokens: int) -> bool:
        requests_fit = self.max_requests is None or self.used.requests + self.in_flight < self.max_requests
        tokens_fit = self.max_tokens is None or self.used.tokens + self.held + tokens <= self.max_tokens
        return requests_fit and tokens_fit

    def spend(self, tokens: int) -> None:
        """Count one answered request."""
        self.used = Usage(self.used.requests + 1, self.used.tokens + tokens)

    def stop(self, reason: str) -> None:
        """Send no further request; the first reason stands."""
        self.stopped = self.stopped or reason

    async def tell(self) -> None:
        """Wake up who waits."""
        async with self.changed:
            self.changed.notify_all()

    def spent(self, tokens: int) -> str:
        limits = {"teacher.max_requests": self.max_requests, "teacher.max_tokens": self.max_tokens}
        given = ", ".join(f"{name} = {limit}" for name, limit in limits.items() if limit is not None)
        return (
            f"the teacher's budget is spent: {self.used.requests} requests and {self.used.tokens} tokens are used, the"
            f" next request may take {tokens} tokens, and {given}; what was answered is kept: raise the limit and run"
            " the same command to go on"
        )

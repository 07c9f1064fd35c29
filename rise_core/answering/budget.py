"""The gate in front of a paid endpoint: a budget in requests and tokens for the whole run, and a way to stop all."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rise.core.answering.ledger import Usage
from rise.core.config.engine_keys import Teacher
from rise.core.errors import UserError


class Budget:
    """What may still be spent. A request in flight holds the most that it may cost, so that those side by side do not
    overdraw together. For the coroutines of one event loop.

    A prompt is known in the learner's tokens. The endpoint's tokenizer and chat template may make more of it: as much
    more as they ever made is held. Under a budget in tokens the first request goes alone, to be measured.
    """

    def __init__(self, config: Teacher, used: Usage) -> None:
        self.max_requests, self.max_tokens = config.max_requests, config.max_tokens
        self.used = used
        self.in_flight = self.held = 0
        self.ratio, self.extra = 1.0, 0  # of a prompt, the endpoint's tokens to the learner's
        self.answered = False  # since this start
        self.stopped: str | None = None  # why no request is sent any more
        self.changed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, prompt: int, answers: int) -> AsyncIterator[tuple[int, int]]:
        """Wait until a request fits that has a prompt of so many of the learner's tokens, and answers of at most so
        many; hold the most tokens that it may take while the block runs, and give them (of prompt, of answers).

        Raises UserError when it cannot fit any more: then nothing is in flight, so all that was paid for is kept. An
        error in the block stops all that comes after it.
        """
        async with self.changed:
            await self.changed.wait_for(
                lambda: self.stopped or self.fits(self.most(prompt) + answers) or not self.in_flight
            )
            tokens = self.most(prompt) + answers
            if not self.stopped and not self.fits(tokens):
                self.stop(self.spent(tokens))
            if self.stopped:
                raise UserError(self.stopped)
            self.in_flight += 1
            self.held += tokens
        try:
            yield tokens - answers, answers
        except Exception as error:
            self.stop(str(error))
            raise
        finally:
            self.in_flight -= 1
            self.held -= tokens
            await self.tell()

    def most(self, prompt: int) -> int:
        """The most of the endpoint's tokens that a prompt may be: a template adds some, a tokenizer multiplies them."""
        return max(math.ceil(prompt * self.ratio), prompt + self.extra)

    def fits(self, tokens: int) -> bool:
        requests_fit = self.max_requests is None or self.used.requests + self.in_flight < self.max_requests
        tokens_fit = self.max_tokens is None or self.used.tokens + self.held + tokens <= self.max_tokens
        known = self.max_tokens is None or self.answered or not self.in_flight
        return requests_fit and tokens_fit and known

    def spend(self, tokens: tuple[int, int], prompt: int | None = None) -> None:
        """Count one answered request by its tokens (of prompt, of answers); `prompt` is the prompt in the learner's
        tokens where the endpoint said what it made of it."""
        self.used = Usage(self.used.requests + 1, self.used.tokens + sum(tokens))
        self.answered = True
        if prompt is not None:
            self.ratio = max(self.ratio, tokens[0] / max(prompt, 1))
            self.extra = max(self.extra, tokens[0] - prompt)

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

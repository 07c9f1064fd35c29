"""The gate in front of a paid endpoint. Counts requests and tokens of the whole run, and can stop all requests."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rise_core.answering.ledger import Usage
from rise_core.config.engine_keys import Teacher
from rise_core.errors import UserError


class Budget:
    """The rest of a run's budget, for the coroutines of one event loop.

    A request in flight reserves the highest possible cost: parallel requests must not overdraw together. Before
    a request only the prompt's length in the learner's tokens is known. The endpoint's tokenizer and chat template may
    make more of a prompt; the budget reserves as much more as any earlier prompt took. Under a budget in tokens the
    first request runs alone, as a measurement.
    """

    def __init__(self, config: Teacher, used: Usage) -> None:
        """Begin with the usage of the run's earlier starts."""
        self.used = used
        self._max_requests, self._max_tokens = config.max_requests, config.max_tokens
        self._in_flight = 0  # requests
        self._reserved = 0  # tokens of the requests in flight
        self._token_ratio = 1.0  # the most endpoint tokens for one learner token of a prompt
        self._extra_tokens = 0  # the most endpoint tokens above the learner tokens of a prompt
        self._is_measured = False  # by an answer since this start
        self._stop_reason: str | None = None
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, prompt_tokens: int, response_tokens: int) -> AsyncIterator[tuple[int, int]]:
        """Reserve the budget of a request while the block runs. Waits until the request fits.

        An error in the block stops all later requests.

        Args:
            prompt_tokens: Length of the prompt in the learner's tokens.
            response_tokens: Most tokens of all responses together.

        Yields:
            The reserved tokens (prompt, responses), as the endpoint counts.

        Raises:
            UserError: The request cannot fit any more. Nothing is in flight then: all paid answers are stored.
        """
        async with self._changed:
            await self._changed.wait_for(
                lambda: (
                    self._stop_reason
                    or self._fits(self.max_prompt_tokens(prompt_tokens) + response_tokens)
                    or not self._in_flight
                )
            )
            tokens = self.max_prompt_tokens(prompt_tokens) + response_tokens
            if not self._stop_reason and not self._fits(tokens):
                self.stop(self._spent_message(tokens))
            if self._stop_reason:
                raise UserError(self._stop_reason)
            self._in_flight += 1
            self._reserved += tokens
        try:
            yield tokens - response_tokens, response_tokens
        except Exception as error:
            self.stop(str(error))
            raise
        finally:
            self._in_flight -= 1
            self._reserved -= tokens
            await self.wake_waiting()

    def max_prompt_tokens(self, prompt_tokens: int) -> int:
        """Bound a prompt's length in the endpoint's tokens. A template adds tokens, a tokenizer multiplies."""
        return max(math.ceil(prompt_tokens * self._token_ratio), prompt_tokens + self._extra_tokens)

    def record(self, tokens: tuple[int, int], prompt_tokens: int | None = None) -> None:
        """Count an answered request.

        Args:
            tokens: Tokens of the prompt and of the responses.
            prompt_tokens: The prompt in the learner's tokens; None where `tokens` is a bound, not the endpoint's count.
        """
        self.used = Usage(self.used.requests + 1, self.used.tokens + sum(tokens))
        self._is_measured = True
        if prompt_tokens is not None:
            self._token_ratio = max(self._token_ratio, tokens[0] / max(prompt_tokens, 1))
            self._extra_tokens = max(self._extra_tokens, tokens[0] - prompt_tokens)

    def stop(self, reason: str) -> None:
        """Send no further request. The first reason stands."""
        self._stop_reason = self._stop_reason or reason

    async def wake_waiting(self) -> None:
        """Let waiting requests look at the budget again."""
        async with self._changed:
            self._changed.notify_all()

    def _fits(self, tokens: int) -> bool:
        requests_fit = self._max_requests is None or self.used.requests + self._in_flight < self._max_requests
        tokens_fit = self._max_tokens is None or self.used.tokens + self._reserved + tokens <= self._max_tokens
        is_bounded = self._max_tokens is None or self._is_measured or not self._in_flight
        return requests_fit and tokens_fit and is_bounded

    def _spent_message(self, tokens: int) -> str:
        keys = {"teacher.max_requests": self._max_requests, "teacher.max_tokens": self._max_tokens}
        limits = ", ".join(f"{key} = {limit}" for key, limit in keys.items() if limit is not None)
        return (
            f"the teacher's budget is spent: {self.used.requests} requests and {self.used.tokens} tokens are used, the"
            f" next request may take {tokens} tokens, and {limits}; all answers are kept: raise the limit and run"
            " the same command to go on"
        )

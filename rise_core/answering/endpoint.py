"""A teacher behind an OpenAI-compatible endpoint (a vLLM server, a hosted API).

    teacher = Endpoint(config.teacher, key, Path("runs/x/teacher.sqlite"))
    replies = teacher.reply(prompts, settings)

The client (`chat_client`) retries passing faults. Every answer goes into the ledger on arrival.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rise_core.answering.budget import Budget
from rise_core.answering.chat_client import ChatClient
from rise_core.answering.ledger import Ledger, Usage
from rise_core.answering.renderer import Prompt, Reply
from rise_core.config.engine_keys import Teacher
from rise_core.errors import EngineClosed
from rise_core.records import SamplingSettings

GRACE = 30.0  # seconds that `close` leaves to requests in flight: the endpoint may charge for them
_OPENAI_HOSTS = (".openai.com", ".openai.azure.com")  # of OpenAI's own models
_SEED_BITS = 31  # servers other than vLLM take no more


class Endpoint:
    """A client of an endpoint. Thread-safe: all callers share the event loop, the limits and the budget."""

    def __init__(self, config: Teacher, key: str | None, ledger: Path) -> None:
        """Send nothing yet.

        Args:
            key: The endpoint's secret key; None: an endpoint without authentication.
            ledger: The run's ledger file.
        """
        self.name = f"teacher:{config.model}"
        self._config = config
        self._ledger = Ledger(ledger)
        self._budget = Budget(config, self._ledger.usage())
        self._slots = asyncio.Semaphore(config.concurrency)
        self._client = ChatClient(config, key)
        self._calls: set[asyncio.Task[Any] | None] = set()  # the calls of `reply` in flight
        self._submitting, self._is_closed = threading.Lock(), False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="teacher", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"Endpoint({self._config.base_url}, {self._config.model})"

    @property
    def used(self) -> Usage:
        """Answered requests of the whole run and their tokens."""
        return self._budget.used

    @property
    def account(self) -> str:
        """The cost so far, as text for the log."""
        return f"{self.name}, {self.used.requests:,} requests and {self.used.tokens:,} tokens in this run so far"

    def reply(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Reply]]:
        """Sample the replies to every prompt. Blocks. Replies in the ledger cost nothing.

        Returns:
            Replies [prompts][n], in the order of the prompts, then by sample.

        Raises:
            UserError: The endpoint refuses or fails for good, or the budget is spent.
            EngineClosed: The teacher is closed.
        """
        with self._submitting:
            if self._is_closed:
                raise EngineClosed("the teacher is closed")
            future = asyncio.run_coroutine_threadsafe(self._reply_all(prompts, settings), self._loop)
        try:
            return future.result()
        except CancelledError as error:
            raise EngineClosed("the teacher was closed during a request") from error

    def close(self) -> None:
        """Send nothing more, and end requests in flight after GRACE seconds."""
        with self._submitting:
            if self._is_closed:
                return
            self._is_closed = True
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._ledger.close()

    async def _reply_all(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Reply]]:
        """Ask for all prompts in parallel. Every request ends before an error is raised: answers may cost money."""
        task = asyncio.current_task()
        self._calls.add(task)
        try:
            results = await asyncio.gather(*(self._reply_to(p, settings) for p in prompts), return_exceptions=True)
        finally:
            self._calls.discard(task)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]

    async def _reply_to(self, prompt: Prompt, settings: SamplingSettings) -> list[Reply]:
        """Return the replies to a prompt: from the ledger, and from a request for the rest.

        An endpoint without `n` gives one reply per request, and gets several requests.
        """
        # The fingerprint is of the whole body, so that a change of teacher.omit loses no stored reply.
        body = _request_body(self._config, prompt, settings)
        fingerprint = hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=16).hexdigest()
        needed = prompt.n if settings.temperature > 0 else 1  # at temperature 0 all replies are equal
        while len(replies := self._ledger.replies(fingerprint)) < needed:
            n = 1 if "n" in self._config.omit else needed - len(replies)
            body |= {"n": n, "seed": (prompt.seed + len(replies)) % 2**_SEED_BITS}
            length = len(prompt.prompt_ids)
            async with self._slots, self._budget.reserve(length, n * settings.max_new_tokens) as reserved:
                new, tokens = await self._client.request(_without(self._config.omit, body))
                self._ledger.append(fingerprint, new, tokens or reserved)  # an unknown cost counts as the highest
                self._budget.record(tokens or reserved, length if tokens else None)
        return replies[:needed] * (prompt.n // needed)

    async def _finish(self) -> None:
        self._budget.stop("the teacher was closed")
        await self._budget.wake_waiting()
        calls = [task for task in self._calls if task is not None]
        if calls:
            _, late = await asyncio.wait(calls, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._client.close()


def limit_name(base_url: str) -> str:
    """Return the name of the parameter for the length limit of a response.

    OpenAI's newer models refuse the old name `max_tokens`; several other servers know no other name.
    """
    host = urlsplit(base_url).hostname or ""
    return "max_completion_tokens" if host.endswith(_OPENAI_HOSTS) else "max_tokens"


def _request_body(config: Teacher, prompt: Prompt, settings: SamplingSettings) -> dict[str, Any]:
    """Build the body of a request, without `n`. The ledger's fingerprints hash the body: a change loses replies."""
    return {
        "model": config.model,
        "messages": prompt.messages,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        limit_name(config.base_url or ""): settings.max_new_tokens,
        "seed": prompt.seed % 2**_SEED_BITS,
    }


def _without(omit: Sequence[str], body: dict[str, Any]) -> dict[str, Any]:
    """Leave out the parameters of teacher.omit, and an `n` of 1.

    A `top_p` of 1 stays: without `top_p` vLLM would sample with the value in the model's generation_config.json.
    """
    omitted = {*omit, *(["n"] if body["n"] == 1 else [])}
    return {name: value for name, value in body.items() if name not in omitted}

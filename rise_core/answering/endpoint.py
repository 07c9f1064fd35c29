"""A teacher behind an OpenAI-compatible endpoint (a vLLM server, a hosted API), through the official client.

    teacher = Endpoint(config.teacher, key, Path("runs/x/teacher.sqlite"))
    texts = teacher.reply(prompts, settings)

The client (`chat_client`) tries again what can pass. Every answer goes into the ledger as it arrives.
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

from rise.core.answering.budget import Budget
from rise.core.answering.chat_client import ChatClient
from rise.core.answering.ledger import Ledger, Usage
from rise.core.answering.renderer import Prompt, Reply
from rise.core.config.engine_keys import Teacher
from rise.core.errors import EngineClosed
from rise.core.records import SamplingSettings

GRACE = 30.0  # seconds that requests in flight have to end when the teacher is closed: they may be paid for
OPENAI = (".openai.com", ".openai.azure.com")  # hosts of OpenAI's own models
SEED_BITS = 31  # servers other than vLLM take no more


def limit_name(base_url: str) -> str:
    """What the limit of a response's length is called: OpenAI's newer models refuse the old name, several other servers
    know no other."""
    host = urlsplit(base_url).hostname or ""
    return "max_completion_tokens" if host.endswith(OPENAI) else "max_tokens"


class Endpoint:
    """Asks one endpoint. Thread-safe: the requests of all callers share one event loop, its limits and its budget."""

    def __init__(self, config: Teacher, key: str | None, ledger: Path) -> None:
        """No request is sent yet. `key` None: the endpoint needs none."""
        self.config, self.name = config, f"teacher:{config.model}"
        self.ledger = Ledger(ledger)
        self.budget = Budget(config, self.ledger.used())
        self.slots = asyncio.Semaphore(config.concurrency)
        self.client = ChatClient(config, key)
        self.asking: set[asyncio.Task[Any] | None] = set()  # calls of `say`, as tasks
        self.opening, self.closed = threading.Lock(), False
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="teacher", daemon=True)
        self.thread.start()

    def __repr__(self) -> str:
        return f"Endpoint({self.config.base_url}, {self.config.model})"

    @property
    def used(self) -> Usage:
        """Answered requests of the whole run and their tokens."""
        return self.budget.used

    @property
    def account(self) -> str:
        """What the teacher cost, for people."""
        return f"{self.name}, {self.used.requests:,} requests and {self.used.tokens:,} tokens in this run so far"

    def reply(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Reply]]:
        """The texts of every prompt, in order; those that the ledger holds cost nothing.

        Raises UserError when the endpoint refuses, fails for good, or the budget is spent.
        """
        with self.opening:
            if self.closed:
                raise EngineClosed("the teacher is closed")
            asked = asyncio.run_coroutine_threadsafe(self.reply_all(prompts, settings), self.loop)
        try:
            return asked.result()
        except CancelledError as error:
            raise EngineClosed("the teacher was closed while it was asked") from error

    async def reply_all(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Reply]]:
        """All prompts at once; every request ends before the first error is raised, since it may be paid for."""
        task = asyncio.current_task()
        self.asking.add(task)
        try:
            ended = await asyncio.gather(*(self.ask(q, settings) for q in prompts), return_exceptions=True)
        finally:
            self.asking.discard(task)
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure
        return [said for said in ended if not isinstance(said, BaseException)]

    async def ask(self, prompt: Prompt, settings: SamplingSettings) -> list[Reply]:
        """All answers to a prompt: from the ledger, and one request for the rest (some endpoints give one answer a
        request whatever `n` says, or do not take `n`: then several)."""
        # The fingerprint is of the whole body, so that an answer is found again when teacher.omit has changed.
        body = self.body(prompt, settings)
        fingerprint = hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=16).hexdigest()
        wanted = prompt.n if settings.temperature > 0 else 1  # at temperature 0 all would be the same
        while len(said := self.ledger.answers(fingerprint)) < wanted:
            count = 1 if "n" in self.config.omit else wanted - len(said)
            seed = (body["seed"] + len(said)) % 2**SEED_BITS
            length = len(prompt.prompt_ids)
            async with self.slots, self.budget.hold(length, count * settings.max_new_tokens) as most:
                answers, told = await self.client.request(self.sent(body | {"n": count, "seed": seed}))
                self.ledger.write(fingerprint, answers, told or most)  # the most, where the endpoint does not say
                self.budget.spend(told or most, length if told else None)
        return said[:wanted] * (prompt.n // wanted)

    def body(self, prompt: Prompt, settings: SamplingSettings) -> dict[str, Any]:
        """What is asked, without `n`."""
        return {
            "model": self.config.model,
            "messages": prompt.messages,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            limit_name(self.config.base_url or ""): settings.max_new_tokens,
            "seed": prompt.seed % 2**SEED_BITS,
        }

    def sent(self, body: dict[str, Any]) -> dict[str, Any]:
        """A request's body without what teacher.omit names, and without an `n` of 1. A `top_p` of 1 stays: without it
        vLLM would sample with the one in the model's generation_config.json."""
        omitted = {*self.config.omit, *(["n"] if body["n"] == 1 else [])}
        return {name: value for name, value in body.items() if name not in omitted}

    def close(self) -> None:
        """Send nothing more, give what is in flight a moment to end, then end it."""
        with self.opening:
            if self.closed:
                return
            self.closed = True
        asyncio.run_coroutine_threadsafe(self.finish(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        self.ledger.close()

    async def finish(self) -> None:
        self.budget.stop("the teacher was closed")
        await self.budget.tell()
        calls = [task for task in self.asking if task is not None]
        if calls:
            _, late = await asyncio.wait(calls, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.client.close()

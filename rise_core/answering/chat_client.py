"""One request to an OpenAI-compatible endpoint, through the official client: the reply in parts, a failure in one line.

The client retries 408, 409, 429, 5xx, time-outs and lost connections with growing, jittered pauses, or as long as the
endpoint's Retry-After says. Where that is more than two minutes it does not wait: the request fails. The key stays in
here.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
from openai import APIConnectionError, APIStatusError, AsyncOpenAI, DefaultAsyncHttpxClient, OpenAIError

from rise.core.answering.renderer import Reply
from rise.core.config.engine_keys import OMITTABLE, Teacher
from rise.core.errors import UserError

NO_KEY = "none"  # the client wants some string; an endpoint without authentication does not look at it
SHORTEST_SECRET = 16  # characters; a shorter key may be an ordinary word, which stays in answers
KEPT = "what was answered is kept: the same command goes on"
REFUSED = f"where it refuses a parameter, of {', '.join(OMITTABLE)}, name that in teacher.omit"
HINTS = {
    400: REFUSED,
    422: REFUSED,
    401: "check teacher.api_key",
    403: "check teacher.api_key",
    404: "check teacher.base_url, which mostly ends in /v1, and teacher.model",
}
Tokens = tuple[int, int]  # of the prompt, of the answers


class ChatClient:
    """The client of one endpoint, for one event loop."""

    def __init__(self, config: Teacher, key: str | None) -> None:
        """No request is sent yet. `key` None: the endpoint needs none."""
        self.config, self.secret = config, key
        self.client = AsyncOpenAI(
            base_url=config.base_url,
            api_key=key or NO_KEY,
            max_retries=config.retries,
            timeout=config.timeout,
            http_client=Punctual(config.timeout),
        )

    def __repr__(self) -> str:
        return f"ChatClient({self.config.base_url})"

    async def request(self, body: dict[str, Any]) -> tuple[list[Reply], Tokens | None]:
        """The answers to one request and the tokens that the endpoint says it took."""
        begun = time.monotonic()
        try:
            return self.read(await self.client.chat.completions.create(**body), begun)
        except (OpenAIError, ValueError) as error:
            reason = self.describe(error)
        # Outside of the `except`, so that no traceback carries the client's own error, which may hold the key.
        raise UserError(reason)

    def read(self, reply: Any, begun: float) -> tuple[list[Reply], Tokens | None]:
        """The parts of a reply. Raises ValueError where it is no chat completion (a web page, for example)."""
        latency = time.monotonic() - begun
        choices = getattr(reply, "choices", None)
        if not choices or any(not isinstance(text_of(choice), str) for choice in choices):
            raise ValueError(f"the reply is no chat completion: {reply}")
        said = [
            Reply(self.hide(text_of(c), SHORTEST_SECRET), c.finish_reason or "stop", latency)
            for c in sorted(choices, key=lambda c: c.index or 0)
        ]
        usage = reply.usage
        counts = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
        return said, (int(counts[0]), int(counts[1])) if isinstance(counts[0], int) and isinstance(
            counts[1], int
        ) else None

    def describe(self, error: Exception) -> str:
        """One line about why a request failed for good."""
        place = f"teacher {self.config.base_url}, model {self.config.model}"
        if isinstance(error, APIStatusError):
            hint = HINTS.get(error.status_code, KEPT)
            return f"{place}: status {error.status_code}: {self.tidy(error.message)} ({hint})"
        if isinstance(error, APIConnectionError):
            tries = self.config.retries + 1
            cause = self.tidy(str(error.__cause__ or ""))
            return f"{place}: {self.tidy(error.message)} {cause} (tried {tries} times; {KEPT})"
        return f"{place}: {self.tidy(str(error))} (check teacher.base_url, which mostly ends in /v1)"

    def tidy(self, text: str) -> str:
        """A message as one line of bearable length. The key goes first: no part of it may stand at the cut."""
        return " ".join(self.hide(text).split())[:300]

    def hide(self, text: str, shortest: int = 1) -> str:
        """A text without the key, should the endpoint have sent it back."""
        return text.replace(self.secret, "***") if self.secret and len(self.secret) >= shortest else text

    async def close(self) -> None:
        await self.client.close()


def text_of(choice: Any) -> Any:
    """A choice's text, "" where it has none. Half a surrogate pair, which JSON can hold and no file, becomes "?"."""
    content = getattr(getattr(choice, "message", None), "content", None)
    if isinstance(content, str):
        return content.encode("utf-8", "replace").decode()
    return "" if content is None and getattr(choice, "message", None) is not None else None


class Punctual(DefaultAsyncHttpxClient):
    """The client's transport with a deadline on the whole of a try: httpx's own is on each piece of data."""

    def __init__(self, seconds: float) -> None:
        super().__init__(timeout=seconds)
        self.seconds = seconds

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        try:
            async with asyncio.timeout(self.seconds):
                return await super().send(request, **options)
        except TimeoutError as error:
            raise httpx2.ReadTimeout(f"no whole answer within {self.seconds:g} s", request=request) from error

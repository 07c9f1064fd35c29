"""Requests to an OpenAI-compatible endpoint through the official client, with failures as one line.

The client retries status 408, 409, 429 and 5xx, time-outs and lost connections. The pauses between tries
grow, with jitter, or are as long as the endpoint's Retry-After says. A Retry-After of more than two minutes fails the
request. No error and no answer shows the key.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
from openai import APIConnectionError, APIStatusError, AsyncOpenAI, DefaultAsyncHttpxClient, OpenAIError

from rise_core.answering.renderer import Reply
from rise_core.config.engine_keys import OMITTABLE, Teacher
from rise_core.errors import UserError

_NO_KEY = "none"  # the client insists on a string; an endpoint without authentication ignores it
_MIN_SECRET_LENGTH = 16  # characters; a shorter key may be an ordinary word and stays in answers
_MAX_MESSAGE_LENGTH = 300  # characters of an endpoint's message
_ANSWERS_KEPT = "all answers are kept: run the same command to go on"
_REFUSED_PARAMETER = f"if the endpoint refuses a parameter, of {', '.join(OMITTABLE)}, name it in teacher.omit"
_CHECK_URL = "check teacher.base_url, which mostly ends in /v1"
_REMEDIES = {  # by status code
    400: _REFUSED_PARAMETER,
    422: _REFUSED_PARAMETER,
    401: "check teacher.api_key",
    403: "check teacher.api_key",
    404: f"{_CHECK_URL}, and teacher.model",
}


class ChatClient:
    """The client of an endpoint, for a single event loop."""

    def __init__(self, config: Teacher, key: str | None) -> None:
        """Send nothing yet.

        Args:
            key: The endpoint's secret key; None: an endpoint without authentication.
        """
        self._config, self._key = config, key
        self._client = AsyncOpenAI(
            base_url=config.base_url,
            api_key=key or _NO_KEY,
            max_retries=config.retries,
            timeout=config.timeout,
            http_client=_DeadlineTransport(config.timeout),
        )

    def __repr__(self) -> str:
        """Show the address only: a representation with all attributes would show the key."""
        return f"ChatClient({self._config.base_url})"

    async def request(self, body: dict[str, Any]) -> tuple[list[Reply], tuple[int, int] | None]:
        """Send a request.

        Args:
            body: Arguments of `chat.completions.create`.

        Returns:
            The replies, and the tokens (prompt, replies) as the endpoint counts, None where the endpoint does not say.

        Raises:
            UserError: The endpoint refuses, or fails for good. One line, without the key.
        """
        start = time.monotonic()
        try:
            completion = await self._client.chat.completions.create(**body)
            return self._read_replies(completion, time.monotonic() - start), _read_usage(completion)
        except (OpenAIError, ValueError) as error:
            message = self._error_message(error)
        # Outside of the `except`, so that no traceback carries the client's own error, which may hold the key.
        raise UserError(message)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _read_replies(self, completion: Any, latency: float) -> list[Reply]:
        """Read the replies. Raises ValueError for anything but a chat completion (a web page, for example)."""
        choices = getattr(completion, "choices", None)
        if not choices or any(_text_of(choice) is None for choice in choices):
            raise ValueError(f"the reply is no chat completion: {completion}")
        return [
            Reply(self._hide_key(_text_of(c) or "", _MIN_SECRET_LENGTH), c.finish_reason or "stop", latency)
            for c in sorted(choices, key=lambda c: c.index or 0)
        ]

    def _error_message(self, error: Exception) -> str:
        """Explain a failure in one line: endpoint, model, cause, remedy."""
        prefix = f"teacher {self._config.base_url}, model {self._config.model}"
        if isinstance(error, APIStatusError):
            remedy = _REMEDIES.get(error.status_code, _ANSWERS_KEPT)
            return f"{prefix}: status {error.status_code}: {self._shorten(error.message)} ({remedy})"
        if isinstance(error, APIConnectionError):
            tries = self._config.retries + 1
            cause = self._shorten(str(error.__cause__ or ""))
            return f"{prefix}: {self._shorten(error.message)} {cause} (tried {tries} times; {_ANSWERS_KEPT})"
        return f"{prefix}: {self._shorten(str(error))} ({_CHECK_URL})"

    def _shorten(self, message: str) -> str:
        """Put a message on one short line. The key is hidden first: no part of the key may stand at the cut."""
        return " ".join(self._hide_key(message).split())[:_MAX_MESSAGE_LENGTH]

    def _hide_key(self, text: str, min_length: int = 1) -> str:
        """Remove the key from a text: an endpoint may send the key back.

        Args:
            min_length: A shorter key stays.
        """
        return text.replace(self._key, "***") if self._key and len(self._key) >= min_length else text


def _text_of(choice: Any) -> str | None:
    """Return a choice's text; "" for a message without content, None for content of another type.

    Half a surrogate pair becomes "?": JSON can hold half a pair, a file cannot.
    """
    message = getattr(choice, "message", None)
    content = getattr(message, "content", None)
    if isinstance(content, str):
        return content.encode("utf-8", "replace").decode()
    return "" if content is None and message is not None else None


def _read_usage(completion: Any) -> tuple[int, int] | None:
    """Return the tokens (prompt, replies) of a completion; None where the endpoint does not say."""
    usage = completion.usage
    prompt, replies = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    return (prompt, replies) if isinstance(prompt, int) and isinstance(replies, int) else None


class _DeadlineTransport(DefaultAsyncHttpxClient):
    """The client's transport with a deadline for a whole try. The deadline of httpx is for each piece of data."""

    def __init__(self, seconds: float) -> None:
        super().__init__(timeout=seconds)
        self._seconds = seconds

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request. Raises httpx2.ReadTimeout without a whole answer in time."""
        try:
            async with asyncio.timeout(self._seconds):
                return await super().send(request, **options)
        except TimeoutError as error:
            raise httpx2.ReadTimeout(f"no whole answer within {self._seconds:g} s", request=request) from error

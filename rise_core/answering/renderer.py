"""The learner's text and tokens: states, sampled responses, and the texts of teachers and worked solutions."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rise_core.config.keys import Config
from rise_core.method.dialogue import Message, response_text, solution_ids, states
from rise_core.method.episode import State
from rise_core.records import Completion, Problem


@dataclass(frozen=True, slots=True)
class Prompt:
    """An open state, rendered for a policy, with the number of responses to sample."""

    problem: Problem
    messages: list[Message]  # the state as a chat; teachers render it with their own template
    prompt_ids: list[int]  # [tokens], the same state in the learner's tokens
    n: int  # responses to sample
    seed: int  # of response 0; response j has seed + j


@dataclass(frozen=True, slots=True)
class Reply:
    """A text of a teacher, or a worked solution: not yet in the learner's tokens."""

    text: str
    finish_reason: str  # "stop": the text is complete; anything else: the text was cut
    latency: float  # seconds


@dataclass(frozen=True, slots=True)
class Response:
    """A response to a prompt, as text and as a completion in the learner's tokens."""

    text: str
    completion: Completion


class Renderer:
    """The learner's tokenizer, chat template and lengths. Thread-safe."""

    def __init__(self, tokenizer: Any, config: Config) -> None:
        self.tokenizer = tokenizer
        self.max_model_len = config.engine.max_model_len  # tokens
        self.prompt_budget = self.max_model_len - config.collect.max_new_tokens  # the longest prompt in tokens
        self._dialogue = config.dialogue
        self._lock = threading.Lock()  # a tokenizer serves one thread at a time

    def render(self, open_states: Iterable[State]) -> list[tuple[list[Message], list[int]]]:
        """Render states as chat messages and token ids [tokens]. Sampling, teachers and examples share this form."""
        pairs = [(state.problem.problem, state.attempts) for state in open_states]
        with self._lock:
            return states(self.tokenizer, pairs, self._dialogue, self.prompt_budget)

    def decode(self, completions: Sequence[Completion]) -> list[Response]:
        """Decode the learner's own completions."""
        with self._lock:
            texts = [response_text(self.tokenizer, completion.token_ids) for completion in completions]
        return list(map(Response, texts, completions))

    def retokenize(self, prompt: Prompt, reply: Reply) -> Response:
        """Encode a text of another source as the learner would have sampled it.

        A complete text gets the end-of-turn token. Tokens beyond the model's length after the prompt are cut off, and
        the finish reason becomes "length".
        """
        max_tokens = self.max_model_len - len(prompt.prompt_ids)
        text, reason = reply.text.strip(), reply.finish_reason
        with self._lock:
            ids = solution_ids(self.tokenizer, text)
            if reason != "stop":
                ids = ids[:-1]  # without the end-of-turn token
            if len(ids) > max_tokens:
                ids, reason = ids[:max_tokens], "length"
                text = response_text(self.tokenizer, ids)
        return Response(text, Completion(ids, reason, reply.latency))

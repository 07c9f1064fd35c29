"""The learner's words and tokens: how states, sampled responses and the texts of others are written for it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rise.core.config.keys import Config
from rise.core.method.dialogue import Message, response_text, solution_ids, states
from rise.core.method.episode import State
from rise.core.records import Completion, Problem


@dataclass(frozen=True, slots=True)
class Question:
    """An open state as whoever answers it gets it: `chat` as messages, `prompt_ids` the same in the learner's tokens.

    `n` responses are wanted; response j has seed `seed + j`.
    """

    problem: Problem
    chat: list[Message]
    prompt_ids: list[int]
    n: int
    seed: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A text by someone else than the learner: why it ended (`stop`: by itself), and the seconds that it took."""

    text: str
    finish_reason: str
    latency: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One response to a question: its text, and as a completion in the learner's tokens."""

    text: str
    completion: Completion


class Renderer:
    """The learner's tokenizer and chat template. Thread-safe: a tokenizer serves one thread at a time."""

    def __init__(self, tokenizer: Any, config: Config) -> None:
        self.tokenizer = tokenizer
        self.dialogue = config.dialogue
        self.longest = config.engine.max_model_len
        self.budget = self.longest - config.collect.max_new_tokens  # of a prompt: it leaves room for a response
        self.lock = threading.Lock()

    def states(self, wanted: Iterable[State]) -> list[tuple[list[Message], list[int]]]:
        """Chat and token ids of states: what sampling, teachers and training examples share."""
        pairs = [(state.problem.problem, state.attempts) for state in wanted]
        with self.lock:
            return states(self.tokenizer, pairs, self.dialogue, self.budget)

    def texts(self, responses: Iterable[Sequence[int]]) -> list[str]:
        """Texts of sampled responses."""
        with self.lock:
            return [response_text(self.tokenizer, response) for response in responses]

    def sampled(self, completions: Sequence[Completion]) -> list[Answer]:
        """The learner's own completions, with their texts."""
        return list(map(Answer, self.texts(completion.token_ids for completion in completions), completions))

    def retokenize(self, question: Question, said: Reply) -> Answer:
        """Someone else's text as the learner would have sampled it: its own tokens, and its end-of-turn token if the
        text ended by itself. What exceeds the model's length after the prompt is cut off."""
        room = self.longest - len(question.prompt_ids)
        text, reason = said.text.strip(), said.finish_reason
        with self.lock:
            ids = solution_ids(self.tokenizer, text)
            if reason != "stop":
                ids = ids[:-1]
            if len(ids) > room:
                ids, reason = ids[:room], "length"
                text = response_text(self.tokenizer, ids)
        return Answer(text, Completion(ids, reason, said.latency))

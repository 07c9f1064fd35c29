"""Prompts for the teacher's endpoint, and its replies as plain text."""

from __future__ import annotations

from collections.abc import Callable

from rise_core.answering.endpoint import Endpoint
from rise_core.answering.renderer import Prompt
from rise_core.records import Problem, SamplingSettings

KEY = "planted-4f1c9d27e8"
SETTINGS = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=6, stop_token_ids=())
OpenEndpoint = Callable[..., Endpoint]


def make_prompts(count: int, n: int = 1) -> list[Prompt]:
    """Prompts of 16 of the learner's tokens, each with words and seeds of its own."""
    problems = [
        Problem(f"p{i}", "train", f"which two of {i + 3} {i + 5} {i + 9} sum to {i + 14} ?", "") for i in range(count)
    ]
    return [
        Prompt(problem, [{"role": "user", "content": problem.problem}], list(range(16)), n, 2**50 + 1000 * i)
        for i, problem in enumerate(problems)
    ]


def reply_texts(teacher: Endpoint, prompts: list[Prompt]) -> list[list[str]]:
    return [[reply.text for reply in replies] for replies in teacher.reply(prompts, SETTINGS)]

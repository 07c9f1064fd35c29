"""A client of the teacher's endpoint, and what it is asked."""

from __future__ import annotations

from collections.abc import Callable

from rise.core.answering.endpoint import Endpoint
from rise.core.answering.renderer import Prompt
from rise.core.config.load import load_config
from rise.core.problems import load_problems
from rise.core.records import SamplingSettings
from tests.flows.command import TINY

KEY = "planted-4f1c9d27e8"
CONFIG = load_config(TINY)
SETTINGS = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=6, stop_token_ids=())
Ask = Callable[..., Endpoint]


def questions(count: int, n: int = 1) -> list[Prompt]:
    problems = load_problems(CONFIG).train[:count]
    chats = [[{"role": "user", "content": problem.problem}] for problem in problems]
    return [
        Prompt(p, chat, list(range(16)), n, 2**50 + 1000 * i)
        for i, (p, chat) in enumerate(zip(problems, chats, strict=True))
    ]


def texts(teacher: Endpoint, asked: list[Prompt]) -> list[list[str]]:
    return [[said.text for said in several] for several in teacher.reply(asked, SETTINGS)]

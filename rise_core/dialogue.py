"""From a state of the multi-turn MDP to token ids: the one rendering that sampling, training and evaluation share.

State at turn t (paper, section 4): s_t = [x, y_1, f_1, ..., y_{t-1}, f_{t-1}], cut to a window of turns. The feedback f
is the same fixed text after every attempt, so nothing about the gold answer reaches the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rise_core.config import Dialogue

Message = dict[str, str]


def in_view(attempts: Sequence[str], window: int) -> list[str]:
    """The last `window - 1` attempts; none at window 1 (a plain slice [-0:] would give all of them)."""
    return list(attempts[len(attempts) - min(window - 1, len(attempts)) :])


def messages(problem: str, attempts: Sequence[str], dialogue: Dialogue) -> list[Message]:
    """The chat of a state: the problem, then each attempt in view with its feedback."""
    chat: list[Message] = []
    if dialogue.system:
        chat.append({"role": "system", "content": dialogue.system})
    question = ask(problem, dialogue)
    chat.append({"role": "user", "content": question})
    for attempt in in_view(attempts, dialogue.window):
        chat.append({"role": "assistant", "content": attempt})
        chat.append({"role": "user", "content": dialogue.feedback.replace("{problem}", question)})
    return chat


def ask(problem: str, dialogue: Dialogue) -> str:
    """The first user message."""
    return dialogue.problem.replace("{problem}", problem)  # not str.format: problem texts hold braces


def render(tokenizer: Any, chat: list[Message]) -> list[int]:
    """Token ids of a chat up to where the next response starts, by the tokenizer's own chat template."""
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=False)
    return list(ids)


def state(
    tokenizer: Any, problem: str, attempts: Sequence[str], dialogue: Dialogue, budget: int | None = None
) -> tuple[list[Message], list[int]]:
    """Chat and token ids of a state. Where the ids exceed `budget`, the oldest attempts in view are dropped: a smaller
    window."""
    kept = in_view(attempts, dialogue.window)
    while True:
        chat = messages(problem, kept, dialogue)
        ids = render(tokenizer, chat)
        if budget is None or len(ids) <= budget or not kept:
            return chat, ids
        kept = kept[1:]


def state_ids(
    tokenizer: Any, problem: str, attempts: Sequence[str], dialogue: Dialogue, budget: int | None = None
) -> list[int]:
    """Token ids of a state, as `state` gives them."""
    return state(tokenizer, problem, attempts, dialogue, budget)[1]


def response_text(tokenizer: Any, response_ids: Sequence[int]) -> str:
    """A response's text without its end-of-turn token."""
    return str(tokenizer.decode(list(response_ids), skip_special_tokens=True)).strip()


def solution_ids(tokenizer: Any, solution: str) -> list[int]:
    """Token ids of a worked solution as the model would sample it: the text and the end-of-turn token."""
    return [*tokenizer.encode(solution, add_special_tokens=False), tokenizer.eos_token_id]


def lesson(tokenizer: Any, pairs: Sequence[tuple[str, str]], dialogue: Dialogue) -> tuple[list[int], list[bool]]:
    """Token ids and loss mask of unrelated (problem, solution) pairs in one sequence, each answered in turn.

    Loss falls on every solution and its end-of-turn token. Raises ValueError where the chat template rewrites earlier
    turns, so that a longer chat does not start with the shorter one.
    """
    chat = messages(pairs[0][0], [], dialogue)
    ids: list[int] = []
    mask: list[bool] = []
    for number, (problem, solution) in enumerate(pairs):
        if number:
            chat.append({"role": "user", "content": ask(problem, dialogue)})
        prompt = render(tokenizer, chat)
        if prompt[: len(ids)] != ids:
            raise ValueError("the chat template rewrites earlier turns; set boost.per_sequence=1")
        mask += [False] * (len(prompt) - len(ids))
        answer = solution_ids(tokenizer, solution)
        ids = prompt + answer
        mask += [True] * len(answer)
        chat.append({"role": "assistant", "content": solution})
    return ids, mask

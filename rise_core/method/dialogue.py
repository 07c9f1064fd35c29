"""Render states of the multi-turn MDP as token ids (paper, section 4.1): the only rendering in the product.

    s_t = [x, y_1, f, ..., y_{t-1}, f],   cut to the problem and the last `window - 1` attempts

The feedback f is the same text after every attempt, right or wrong: nothing about the gold answer reaches the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from rise_core.config.keys import Dialogue

Message = dict[str, str]  # role and content
_Lesson = Sequence[tuple[str, str]]  # unrelated (problem, worked solution) pairs in one sequence


def in_view(attempts: Sequence[str], window: int) -> list[str]:
    """The last `window - 1` attempts; none at window 1."""
    return list(attempts[len(attempts) - min(window - 1, len(attempts)) :])  # [-0:] would return all attempts


def messages(problem: str, attempts: Sequence[str], dialogue: Dialogue) -> list[Message]:
    """The chat of a state: the problem, then each attempt in view with its feedback."""
    chat = _opening(dialogue)
    first = first_message(problem, dialogue)
    chat.append({"role": "user", "content": first})
    for attempt in in_view(attempts, dialogue.window):
        chat.append({"role": "assistant", "content": attempt})
        chat.append({"role": "user", "content": dialogue.feedback.replace("{problem}", first)})
    return chat


def first_message(problem: str, dialogue: Dialogue) -> str:
    """The first user message."""
    return dialogue.problem.replace("{problem}", problem)  # not str.format: problem texts hold braces


def render(tokenizer: Any, chats: Sequence[list[Message]]) -> list[list[int]]:
    """Render chats as token ids with the chat template, up to the start of the next response.

    Many chats in one call share the call's fixed cost.
    """
    if not chats:
        return []
    ids = tokenizer.apply_chat_template(list(chats), add_generation_prompt=True, tokenize=True, return_dict=False)
    return [list(chat_ids) for chat_ids in ids]


def states(
    tokenizer: Any, histories: Sequence[tuple[str, Sequence[str]]], dialogue: Dialogue, budget: int | None = None
) -> list[tuple[list[Message], list[int]]]:
    """Render states as chats and token ids.

    Args:
        histories: [states], the problem and the attempts of each, oldest first.
        budget: Most token ids of a state. A longer one loses the oldest attempts in view, as under a smaller window.

    Returns:
        [states], chat and token ids of each.
    """
    views = [in_view(attempts, dialogue.window) for _, attempts in histories]
    rendered: list[tuple[list[Message], list[int]]] = [([], [])] * len(histories)
    pending = list(range(len(histories)))
    while pending:
        chats = [messages(histories[i][0], views[i], dialogue) for i in pending]
        for i, chat, ids in zip(pending, chats, render(tokenizer, chats), strict=True):
            rendered[i] = (chat, ids)
        pending = [i for i in pending if budget is not None and len(rendered[i][1]) > budget and views[i]]
        for i in pending:
            views[i] = views[i][1:]
    return rendered


def state_ids(
    tokenizer: Any, problem: str, attempts: Sequence[str], dialogue: Dialogue, budget: int | None = None
) -> list[int]:
    """Token ids of one state; see `states`."""
    return states(tokenizer, [(problem, attempts)], dialogue, budget)[0][1]


def response_text(tokenizer: Any, response_ids: Sequence[int]) -> str:
    """Text of a response, without the end-of-turn token."""
    return str(tokenizer.decode(list(response_ids), skip_special_tokens=True)).strip()


def solution_ids(tokenizer: Any, solution: str) -> list[int]:
    """Token ids of a worked solution in the form of a sampled response: the text and the end-of-turn token."""
    return worked_ids(tokenizer, [solution])[0]


def worked_ids(tokenizer: Any, solutions: Sequence[str]) -> list[list[int]]:
    """Token ids of many worked solutions; see `solution_ids`."""
    if not solutions:
        return []
    ids = tokenizer(list(solutions), add_special_tokens=False, return_attention_mask=False)["input_ids"]
    return [[*solution, tokenizer.eos_token_id] for solution in ids]


def lessons(tokenizer: Any, batch: Sequence[_Lesson], dialogue: Dialogue) -> list[tuple[list[int], list[bool]]]:
    """Render lessons for boosting: unrelated problems in one sequence, each with its worked solution.

    Returns:
        [lessons], token ids and loss mask of each. The loss falls on the solutions and their end-of-turn tokens.

    Raises:
        ValueError: The chat template rewrites earlier turns, so a longer chat does not start with the shorter one.
    """
    prompts = iter(render(tokenizer, [chat for pairs in batch for chat in _growing_chats(pairs, dialogue)]))
    answers = iter(worked_ids(tokenizer, [solution for pairs in batch for _, solution in pairs]))
    return [_sequence(list(islice(prompts, len(pairs))), list(islice(answers, len(pairs)))) for pairs in batch]


def _opening(dialogue: Dialogue) -> list[Message]:
    """The system message, or nothing."""
    return [{"role": "system", "content": dialogue.system}] if dialogue.system else []


def _growing_chats(pairs: _Lesson, dialogue: Dialogue) -> list[list[Message]]:
    """The chat before each solution of a lesson, with all earlier pairs."""
    chats: list[list[Message]] = []
    chat = _opening(dialogue)
    for problem, solution in pairs:
        chat = [*chat, {"role": "user", "content": first_message(problem, dialogue)}]
        chats.append(chat)
        chat = [*chat, {"role": "assistant", "content": solution}]
    return chats


def _sequence(prompts: list[list[int]], answers: list[list[int]]) -> tuple[list[int], list[bool]]:
    """Join the prompts and answers of one lesson; each prompt repeats the sequence so far."""
    ids: list[int] = []
    mask: list[bool] = []
    for prompt, answer in zip(prompts, answers, strict=True):
        if prompt[: len(ids)] != ids:
            raise ValueError("the chat template rewrites earlier turns; set boost.per_sequence=1")
        mask += [False] * (len(prompt) - len(ids)) + [True] * len(answer)
        ids = prompt + answer
    return ids, mask

"""From a state of the multi-turn MDP to token ids: the one rendering that sampling, training and evaluation share.

State at turn t (paper, section 4): s_t = [x, y_1, f_1, ..., y_{t-1}, f_{t-1}], cut to a window of turns. The feedback f
is the same fixed text after every attempt, so nothing about the gold answer reaches the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from rise.core.config.keys import Dialogue

Message = dict[str, str]


def in_view(attempts: Sequence[str], window: int) -> list[str]:
    """The last `window - 1` attempts; none at window 1 (a plain slice [-0:] would give all of them)."""
    return list(attempts[len(attempts) - min(window - 1, len(attempts)) :])


def messages(problem: str, attempts: Sequence[str], dialogue: Dialogue) -> list[Message]:
    """The chat of a state: the problem, then each attempt in view with its feedback."""
    chat = opening(dialogue)
    question = ask(problem, dialogue)
    chat.append({"role": "user", "content": question})
    for attempt in in_view(attempts, dialogue.window):
        chat.append({"role": "assistant", "content": attempt})
        chat.append({"role": "user", "content": dialogue.feedback.replace("{problem}", question)})
    return chat


def opening(dialogue: Dialogue) -> list[Message]:
    """What stands before the first user message: the system prompt, where there is one."""
    return [{"role": "system", "content": dialogue.system}] if dialogue.system else []


def ask(problem: str, dialogue: Dialogue) -> str:
    """The first user message."""
    return dialogue.problem.replace("{problem}", problem)  # not str.format: problem texts hold braces


def render(tokenizer: Any, chats: Sequence[list[Message]]) -> list[list[int]]:
    """Token ids of chats up to where the next response starts, by the tokenizer's own chat template.

    Many at once: what a call costs beside the rendering is paid once."""
    if not chats:
        return []
    found = tokenizer.apply_chat_template(list(chats), add_generation_prompt=True, tokenize=True, return_dict=False)
    return [list(ids) for ids in found]


def states(
    tokenizer: Any, wanted: Sequence[tuple[str, Sequence[str]]], dialogue: Dialogue, budget: int | None = None
) -> list[tuple[list[Message], list[int]]]:
    """Chat and token ids of states, given as (problem, attempts). Where the ids exceed `budget`, the oldest attempts in
    view are dropped: a smaller window."""
    views = [in_view(attempts, dialogue.window) for _, attempts in wanted]
    found: list[tuple[list[Message], list[int]]] = [([], [])] * len(wanted)
    open_ones = list(range(len(wanted)))
    while open_ones:
        chats = [messages(wanted[number][0], views[number], dialogue) for number in open_ones]
        for number, chat, ids in zip(open_ones, chats, render(tokenizer, chats), strict=True):
            found[number] = (chat, ids)
        open_ones = [n for n in open_ones if budget is not None and len(found[n][1]) > budget and views[n]]
        for number in open_ones:
            views[number] = views[number][1:]
    return found


def state_ids(
    tokenizer: Any, problem: str, attempts: Sequence[str], dialogue: Dialogue, budget: int | None = None
) -> list[int]:
    """Token ids of one state, as `states` gives them."""
    return states(tokenizer, [(problem, attempts)], dialogue, budget)[0][1]


def response_text(tokenizer: Any, response_ids: Sequence[int]) -> str:
    """A response's text without its end-of-turn token."""
    return str(tokenizer.decode(list(response_ids), skip_special_tokens=True)).strip()


def solution_ids(tokenizer: Any, solution: str) -> list[int]:
    """Token ids of a worked solution as the model would sample it: the text and the end-of-turn token."""
    return worked_ids(tokenizer, [solution])[0]


def worked_ids(tokenizer: Any, solutions: Sequence[str]) -> list[list[int]]:
    """Token ids of many worked solutions, each as `solution_ids` gives it."""
    if not solutions:
        return []
    found = tokenizer(list(solutions), add_special_tokens=False, return_attention_mask=False)["input_ids"]
    return [[*ids, tokenizer.eos_token_id] for ids in found]


Lesson = Sequence[tuple[str, str]]


def lessons(tokenizer: Any, wanted: Sequence[Lesson], dialogue: Dialogue) -> list[tuple[list[int], list[bool]]]:
    """Token ids and loss mask of lessons: unrelated (problem, solution) pairs in one sequence, each answered in turn.

    Loss falls on every solution and its end-of-turn token. Raises ValueError where the chat template rewrites earlier
    turns, so that a longer chat does not start with the shorter one.
    """
    prompts = iter(render(tokenizer, [chat for pairs in wanted for chat in growing(pairs, dialogue)]))
    answers = iter(worked_ids(tokenizer, [solution for pairs in wanted for _, solution in pairs]))
    return [sequence(list(islice(prompts, len(pairs))), list(islice(answers, len(pairs)))) for pairs in wanted]


def growing(pairs: Lesson, dialogue: Dialogue) -> list[list[Message]]:
    """The chats of a lesson that its solutions answer, each with all before it."""
    chats: list[list[Message]] = []
    chat = opening(dialogue)
    for problem, solution in pairs:
        chat = [*chat, {"role": "user", "content": ask(problem, dialogue)}]
        chats.append(chat)
        chat = [*chat, {"role": "assistant", "content": solution}]
    return chats


def sequence(prompts: list[list[int]], answers: list[list[int]]) -> tuple[list[int], list[bool]]:
    """One lesson from its chats and solutions in tokens."""
    ids: list[int] = []
    mask: list[bool] = []
    for prompt, answer in zip(prompts, answers, strict=True):
        if prompt[: len(ids)] != ids:
            raise ValueError("the chat template rewrites earlier turns; set boost.per_sequence=1")
        mask += [False] * (len(prompt) - len(ids)) + [True] * len(answer)
        ids = prompt + answer
    return ids, mask

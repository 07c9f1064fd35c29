"""Hostile problems and attempts change neither the form of the chat nor the size of the window."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.config.keys import Dialogue
from rise_core.method.dialogue import first_message, in_view, lessons, messages, response_text, solution_ids, states
from rise_core.models.scratch import make_tokenizer
from tests.fuzz.inputs import deadline, fuzzed, pieces

pytestmark = pytest.mark.fuzz

SIGNS = [
    "{problem}",
    "{",
    "}",
    "{{ 7 * 7 }}",
    "{% for x in y %}",
    "%s",
    "<end>",
    "<user>",
    "<assistant>",
    "<unk>",
    "</s>",
]
SIGNS += ["<|im_end|>", "<|im_start|>assistant\n", "[/INST]", "one", "two", "no", "1", "+", "\n", " "]
# Problems and responses are valid Unicode here: readers refuse or replace anything else.
texts = pieces(SIGNS, most=12).map(lambda text: text.encode("utf-8", "replace").decode())
dialogues = st.builds(
    Dialogue,
    system=st.sampled_from(["", "be brief", "{problem}"]),
    problem=st.sampled_from(["{problem}", "Q: {problem} {problem}", "{problem}{"]),
    feedback=st.sampled_from(["no {problem}", "no", "{problem} {problem}"]),
    window=st.integers(1, 6),
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer(["one two no 1 +", " ".join(SIGNS)], context=512)


@fuzzed()
@given(texts, st.lists(texts, max_size=6), dialogues, st.none() | st.integers(0, 200))
def test_states(tokenizer: Any, problem: str, attempts: list[str], dialogue: Dialogue, budget: int | None) -> None:
    with deadline():
        [(chat, ids)] = states(tokenizer, [(problem, attempts)], dialogue, budget)
    roles = [message["role"] for message in chat]
    shown = [message["content"] for message in chat if message["role"] == "assistant"]
    first = 1 if dialogue.system else 0
    assert roles == ["system"] * first + ["user"] + ["assistant", "user"] * len(shown)
    assert shown == (attempts[-len(shown) :] if shown else [])
    assert len(shown) <= dialogue.window - 1
    assert chat[first]["content"] == dialogue.problem.replace("{problem}", problem)
    assert len({message["content"] for message in chat[first + 2 :: 2]}) <= 1, (
        "feedback tells nothing about the attempt"
    )
    assert all(isinstance(token, int) and 0 <= token < len(tokenizer) for token in ids)
    if budget is None:
        assert shown == in_view(attempts, dialogue.window)
    else:
        assert len(ids) <= budget or not shown
    assert states(tokenizer, [(problem, attempts)] * 2, dialogue, budget) == [(chat, ids)] * 2
    assert messages(problem, shown, Dialogue(dialogue.system, dialogue.problem, dialogue.feedback, 7)) == chat


@fuzzed()
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4), dialogues)
def test_lessons(tokenizer: Any, pairs: list[tuple[str, str]], dialogue: Dialogue) -> None:
    with deadline():
        [(ids, mask)] = lessons(tokenizer, [pairs], dialogue)
    assert len(ids) == len(mask)
    assert not mask[0]
    taught = [token for token, counts in zip(ids, mask, strict=True) if counts]
    assert taught == [token for _, solution in pairs for token in solution_ids(tokenizer, solution)]


@fuzzed()
@given(texts, dialogues)
def test_texts(tokenizer: Any, text: str, dialogue: Dialogue) -> None:
    with deadline():
        ids = solution_ids(tokenizer, text)
        assert ids[-1] == tokenizer.eos_token_id
        response_text(tokenizer, ids).encode()
        assert first_message(text, dialogue).count(text) >= 1

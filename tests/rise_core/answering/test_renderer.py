"""States, responses and the texts of others in the learner's tokens."""

from __future__ import annotations

from typing import Any

import pytest

from rise_core.answering.renderer import Prompt, Renderer, Reply, Response
from rise_core.config.keys import Config
from rise_core.method.dialogue import solution_ids
from rise_core.method.episode import State
from rise_core.models import folder, scratch
from rise_core.records import Completion, Problem

PROBLEM = Problem("p", "train", "one two", "")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("learner") / "model"
    scratch.build(Config(), ["one two"], path)
    return folder.load_tokenizer(path)


@pytest.fixture
def renderer(tokenizer: Any) -> Renderer:
    return Renderer(tokenizer, Config())


def prompt(length: int) -> Prompt:
    return Prompt(PROBLEM, [], [1] * length, 1, 0)


@pytest.mark.parametrize(
    ("reply", "reason", "kept"),
    [(Reply(" one two ", "stop", 1.0), "stop", 3), (Reply("one two", "length", 1.0), "length", 2)],
)
def test_a_text_gets_its_end_token_only_where_it_ended(
    renderer: Renderer, reply: Reply, reason: str, kept: int
) -> None:
    response = renderer.retokenize(prompt(10), reply)
    assert response.text == "one two"
    assert response.completion.finish_reason == reason
    assert response.completion.token_ids == solution_ids(renderer.tokenizer, "one two")[:kept]


def test_a_text_beyond_the_learners_length_is_cut_and_says_so(renderer: Renderer) -> None:
    response = renderer.retokenize(prompt(renderer.max_model_len - 2), Reply("two one two one", "stop", 1.0))
    assert (response.text, response.completion.finish_reason) == ("two one", "length")
    assert len(response.completion.token_ids) == 2


def test_sampled_completions_come_back_with_their_texts(renderer: Renderer) -> None:
    completions = [Completion(solution_ids(renderer.tokenizer, text), "stop", 0.5) for text in ("two one", "one")]
    assert renderer.decode(completions) == [
        Response("two one", completions[0]), Response("one", completions[1]),
    ]  # fmt: skip


def test_a_state_is_rendered_as_chat_and_as_tokens(renderer: Renderer) -> None:
    [(first, ids), (second, longer)] = renderer.render([State(PROBLEM, ()), State(PROBLEM, ("two",))])
    assert first[-1] == {"role": "user", "content": "one two"}
    assert [message["role"] for message in second[-3:]] == ["user", "assistant", "user"]
    assert second[-2]["content"] == "two"
    assert len(longer) > len(ids)

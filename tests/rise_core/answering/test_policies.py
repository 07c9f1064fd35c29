"""Policies answer in the learner's tokens, whoever they ask."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rise_core.answering.policies import GoldPolicy, LearnerPolicy, TeacherPolicy, worked_solution
from rise_core.answering.renderer import Prompt, Renderer, Reply
from rise_core.config.keys import Config
from rise_core.engine.pool import EnginePool
from rise_core.errors import UserError
from rise_core.method.dialogue import solution_ids
from rise_core.models import folder, scratch
from rise_core.records import Completion, Problem, SampleRequest, SamplingSettings

SETTINGS = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=4, stop_token_ids=())
SOLVED = Problem("solved", "train", "one", "2", solution="two one")
PROMPTS = [Prompt(SOLVED, [], [1, 2], 1, 7), Prompt(SOLVED, [], [3], 2, 9)]


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    path = tmp_path_factory.mktemp("learner") / "model"
    scratch.build(Config(), ["one two"], path)
    return Renderer(folder.load_tokenizer(path), Config())


def test_the_learner_is_asked_by_tokens_and_seeds(renderer: Renderer) -> None:
    end = solution_ids(renderer.tokenizer, "one")
    asked: list[SampleRequest] = []

    def sample(requests: Sequence[SampleRequest], _: SamplingSettings) -> list[list[Completion]]:
        asked.extend(requests)
        return [[Completion(end, "stop", 0.5)] * request.n for request in requests]

    engines: Any = SimpleNamespace(checkpoint=SimpleNamespace(checkpoint_id="c-1"), sample=sample)
    policy = LearnerPolicy(cast(EnginePool, engines), renderer)
    answers = policy.answer(PROMPTS, SETTINGS)
    assert policy.name == "c-1"
    assert asked == [SampleRequest([1, 2], 1, 7), SampleRequest([3], 2, 9)]
    assert [[response.text for response in several] for several in answers] == [["one"], ["one", "one"]]


def test_a_teachers_replies_become_the_learners_tokens(renderer: Renderer) -> None:
    def reply(prompts: Sequence[Prompt], _: SamplingSettings) -> list[list[Reply]]:
        return [[Reply(f"one {'two ' * sample}", "stop", 2.0) for sample in range(prompt.n)] for prompt in prompts]

    teacher: Any = SimpleNamespace(name="teacher:big", reply=reply)
    policy = TeacherPolicy(teacher, renderer)
    answers = policy.answer(PROMPTS, SETTINGS)
    assert policy.name == "teacher:big"
    assert [[response.text for response in several] for several in answers] == [["one"], ["one", "one two"]]
    assert answers[1][1].completion == Completion(solution_ids(renderer.tokenizer, "one two"), "stop", 2.0)


def test_gold_answers_with_the_worked_solution(renderer: Renderer) -> None:
    [[response]] = GoldPolicy(renderer).answer(PROMPTS[:1], SETTINGS)
    assert response.text == "two one"
    assert response.completion == Completion(solution_ids(renderer.tokenizer, "two one"), "stop", 0.0)


def test_a_problem_without_a_worked_solution_is_named() -> None:
    assert worked_solution(SOLVED) == "two one"
    with pytest.raises(UserError, match=r"problem bare has no worked solution.*problems\.fields\.solution"):
        worked_solution(Problem("bare", "train", "one", "2"))

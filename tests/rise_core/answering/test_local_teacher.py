"""A second local model as the teacher, with its own tokenizer, chat template and engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rise_core.answering.local_teacher import LocalTeacher, build_teacher, check_teacher_model
from rise_core.answering.policies import TeacherPolicy
from rise_core.answering.renderer import Prompt, Renderer
from rise_core.config.engine_keys import Engine
from rise_core.config.keys import Config, Scratch
from rise_core.errors import UserError
from rise_core.method.dialogue import solution_ids
from rise_core.method.episode import State
from rise_core.models import folder, scratch
from rise_core.records import Problem, SamplingSettings

SETTINGS = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=8, stop_token_ids=(999_999,))
STATES = [State(Problem(str(i), "train", f"one two {i}", "3"), ("five", "six")[: i % 3]) for i in range(6)]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A learner and a teacher with the same words under other token ids, and tight lengths."""
    home = tmp_path_factory.mktemp("models")
    config = Config()
    config.model.scratch = Scratch(hidden_size=32, intermediate_size=64, layers=1, heads=1, context=96)
    words = "one two three four five six 0 1 2 3 4 5 the answer is incorrect please try again"
    scratch.build(config, [words], home / "learner")
    scratch.build(replace(config, seed=1), [f"{words} zebra zebra six six"], home / "teacher")
    config.model.name, config.teacher.model = str(home / "learner"), str(home / "teacher")
    config.engine.max_model_len, config.collect.max_new_tokens = 96, 8
    config.teacher.engine = Engine(max_model_len=96, kv_cache_gib=0.01, threads=1, start_timeout=300, timeout=120)
    return config


@pytest.fixture(scope="module")
def renderer(config: Config) -> Renderer:
    return Renderer(folder.load_tokenizer(Path(config.model.name)), config)


@pytest.fixture(scope="module")
def teacher(config: Config, tmp_path_factory: pytest.TempPathFactory, ray_session: None) -> Iterator[LocalTeacher]:
    teacher = LocalTeacher(config, tmp_path_factory.mktemp("run") / "teacher", "x-engine-teacher")
    yield teacher
    teacher.close()


def prompts(renderer: Renderer, n: int) -> list[Prompt]:
    rendered = renderer.render(STATES)
    return [
        Prompt(s.problem, chat, ids, n, 100 * i)
        for i, (s, (chat, ids)) in enumerate(zip(STATES, rendered, strict=True))
    ]


def test_its_texts_are_stored_in_the_learners_tokens(config: Config, teacher: LocalTeacher, renderer: Renderer) -> None:
    policy = TeacherPolicy(teacher, renderer)
    answers = policy.answer(prompts(renderer, 3), SETTINGS)
    assert policy.name == f"teacher:{config.teacher.model}"
    assert [len(several) for several in answers] == [3] * 6
    flat = [answer for several in answers for answer in several]
    assert {answer.completion.finish_reason for answer in flat} == {"stop", "length"}, "its own end token stops it"
    for answer in flat:
        ids = solution_ids(renderer.tokenizer, answer.text)
        ended = answer.completion.finish_reason == "stop"
        assert answer.completion.token_ids == (ids if ended else ids[:-1])
        assert "zebra" not in renderer.decode([answer.completion])[0].text
    replies = teacher.reply(prompts(renderer, 3), SETTINGS)
    assert [[r.text for r in several] for several in replies] == [[a.text for a in several] for several in answers]


def test_a_state_beyond_its_length_is_refused_by_name(
    config: Config, teacher: LocalTeacher, renderer: Renderer
) -> None:
    longer = replace(SETTINGS, max_new_tokens=95)
    with pytest.raises(UserError, match=r"problem 0.*teacher\.engine\.max_model_len = 96"):
        teacher.reply(prompts(renderer, 1), longer)


def test_a_model_of_the_hub_can_be_pinned(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two revisions in the hub's local cache; the newer is `main`. The hub itself is not reached."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached = tmp_path / "models--some--teacher"
    (cached / "refs").mkdir(parents=True)
    for seed, name in enumerate(("v1", "main")):
        (cached / "refs" / name).write_text(str(seed) * 40)
        scratch.build(replace(config, seed=seed), ["one two"], cached / "snapshots" / (str(seed) * 40))
    for pinned, seed in (("v1", "0"), (None, "1")):
        other = replace(config, teacher=replace(config.teacher, model="some/teacher", revision=pinned))
        build_teacher(other, tmp_path / f"built{seed}")
        taken = (tmp_path / f"built{seed}" / "model.safetensors").read_bytes()
        assert taken == (cached / "snapshots" / (seed * 40) / "model.safetensors").read_bytes()


def test_a_model_that_is_not_there_is_refused_before_anything_starts(config: Config, tmp_path: Path) -> None:
    absent = replace(config, teacher=replace(config.teacher, model=str(tmp_path / "absent")))
    with pytest.raises(UserError, match=r"teacher\.model.*absent.*does not exist"):
        check_teacher_model(absent)

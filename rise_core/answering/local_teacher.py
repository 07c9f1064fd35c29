"""A teacher that is a second local model, in an engine pool of its own."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rise.core import models
from rise.core.answering.renderer import Prompt, Reply
from rise.core.config.keys import Config, Model
from rise.core.engine.pool import EnginePool
from rise.core.errors import UserError
from rise.core.method.dialogue import render, response_text
from rise.core.models import folder
from rise.core.records import Checkpoint, SampleRequest, SamplingSettings
from rise.core.seeds import seed_of


def as_base(config: Config) -> Config:
    """The config with the teacher's model in the place of the learner's, for rise.core.models."""
    teacher = config.teacher
    model = Model(name=str(teacher.model), revision=teacher.revision, dtype=config.model.dtype)
    return replace(config, model=model)


def check(config: Config) -> None:
    """Refuse a teacher's model that cannot work, before anything is started. Raises UserError."""
    try:
        models.check(as_base(config))
    except UserError as error:
        raise UserError(f"config: teacher.model = {config.teacher.model}: {error}") from error


class LocalTeacher:
    """Engines that serve `teacher.model`, sized by `teacher.engine`. Ray must be connected. Thread-safe."""

    def __init__(self, config: Config, weights: Path, name: str) -> None:
        """Put the model into folder `weights`, unless it is there, and start the engines."""
        self.longest = config.teacher.engine.max_model_len
        self.name = f"teacher:{config.teacher.model}"
        if not weights.is_dir():
            unfinished = weights.with_suffix(".part")
            shutil.rmtree(unfinished, ignore_errors=True)
            models.build(as_base(config), [], unfinished)
            unfinished.rename(weights)
        self.tokenizer = folder.load_tokenizer(weights)
        self.stop = folder.stop_token_ids(weights, self.tokenizer)
        self.lock = threading.Lock()  # a tokenizer serves one thread at a time
        self.engines = EnginePool(
            config.teacher.engine,
            as_base(config).model,
            Checkpoint(self.name, str(weights)),
            lora_rank=None,
            seed=seed_of(config.seed, "teacher") % 2**31,
            name=name,
        )

    def reply(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Reply]]:
        """The texts of every prompt, in order, each state in the teacher's own chat template.

        Raises UserError for a state that exceeds the teacher's length, EngineError when no engine answers.
        """
        with self.lock:
            rendered = render(self.tokenizer, [prompt.messages for prompt in prompts])
        for prompt, ids in zip(prompts, rendered, strict=True):
            if len(ids) + settings.max_new_tokens > self.longest:
                raise UserError(
                    f"problem {prompt.problem.problem_id}: its state has {len(ids)} of the teacher's tokens, which"
                    f" with collect.max_new_tokens = {settings.max_new_tokens} exceeds teacher.engine.max_model_len ="
                    f" {self.longest}: raise that"
                )
        requests = [SampleRequest(ids, q.n, q.seed) for ids, q in zip(rendered, prompts, strict=True)]
        answered = self.engines.sample(requests, replace(settings, stop_token_ids=self.stop))
        with self.lock:
            return [
                [Reply(response_text(self.tokenizer, c.token_ids), c.finish_reason, c.latency) for c in completions]
                for completions in answered
            ]

    @property
    def account(self) -> str:
        """What the teacher cost, for people."""
        return f"{self.name}, in {len(self.engines.replicas)} engine(s) of its own"

    def close(self) -> None:
        """End the engines."""
        self.engines.close()

"""A second local model as the teacher, in a separate engine pool."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rise_core import models
from rise_core.answering.renderer import Prompt, Reply
from rise_core.config.keys import Config, Model
from rise_core.engine.pool import EnginePool
from rise_core.errors import UserError
from rise_core.method.dialogue import render, response_text
from rise_core.models import folder
from rise_core.records import Checkpoint, SampleRequest, SamplingSettings
from rise_core.seeds import seed_of


def check_teacher_model(config: Config) -> None:
    """Raise UserError for an unusable teacher's model, before anything starts."""
    try:
        models.check_model(_with_teacher_model(config))
    except UserError as error:
        raise UserError(f"config: teacher.model = {config.teacher.model}: {error}") from error


def build_teacher(config: Config, weights_dir: Path) -> None:
    """Write the teacher's model as a folder of weights, unless the folder is there."""
    if not weights_dir.is_dir():
        models.build(_with_teacher_model(config), [], weights_dir)


class LocalTeacher:
    """Engines with `teacher.model`, sized by `teacher.engine`. Thread-safe."""

    def __init__(self, config: Config, weights_dir: Path, name: str) -> None:
        """Build the model and start the engines. Ray must be connected.

        Args:
            weights_dir: Folder of the model; written unless there.
            name: Prefix of the actors' names.

        Raises:
            UserError: Unusable settings or model.
            EngineError: An engine does not start.
        """
        build_teacher(config, weights_dir)
        self.name = f"teacher:{config.teacher.model}"
        self._max_model_len = config.teacher.engine.max_model_len
        self._tokenizer = folder.load_tokenizer(weights_dir)
        self._stop_token_ids = folder.stop_token_ids(weights_dir, self._tokenizer)
        self._lock = threading.Lock()  # a tokenizer serves one thread at a time
        self._engines = EnginePool(
            config.teacher.engine,
            _with_teacher_model(config).model,
            Checkpoint(self.name, str(weights_dir)),
            lora_rank=None,
            seed=seed_of(config.seed, "teacher") % 2**31,
            name=name,
        )

    @property
    def account(self) -> str:
        """The cost so far, as text for the log."""
        return f"{self.name}, in {len(self._engines.replicas)} engine(s) of its own"

    def reply(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Reply]]:
        """Sample the replies to every prompt, each state in the teacher's own chat template. Blocks.

        Returns:
            Replies [prompts][n], in the order of the prompts, then by sample.

        Raises:
            UserError: A state longer than the teacher's limit.
            EngineError: No engine answers.
        """
        with self._lock:
            states = render(self._tokenizer, [prompt.messages for prompt in prompts])
        for prompt, ids in zip(prompts, states, strict=True):
            self._check_length(prompt, ids, settings)
        requests = [SampleRequest(ids, p.n, p.seed) for ids, p in zip(states, prompts, strict=True)]
        sampled = self._engines.sample(requests, replace(settings, stop_token_ids=self._stop_token_ids))
        with self._lock:
            return [
                [Reply(response_text(self._tokenizer, c.token_ids), c.finish_reason, c.latency) for c in completions]
                for completions in sampled
            ]

    def close(self) -> None:
        """End the engines."""
        self._engines.close()

    def _check_length(self, prompt: Prompt, ids: list[int], settings: SamplingSettings) -> None:
        if len(ids) + settings.max_new_tokens > self._max_model_len:
            raise UserError(
                f"problem {prompt.problem.problem_id}: its state has {len(ids)} of the teacher's tokens, which with "
                f"collect.max_new_tokens = {settings.max_new_tokens} exceeds teacher.engine.max_model_len = "
                f"{self._max_model_len}: raise that"
            )


def _with_teacher_model(config: Config) -> Config:
    """Put the teacher's model in the place of the learner's, for rise_core.models."""
    teacher = config.teacher
    model = Model(name=str(teacher.model), revision=teacher.revision, dtype=config.model.dtype)
    return replace(config, model=model)

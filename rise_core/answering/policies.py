"""Policies: the learner's engines, a teacher, or the worked solutions. All answer a turn through one method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from rise_core.answering.renderer import Prompt, Renderer, Reply, Response
from rise_core.errors import UserError
from rise_core.records import Problem, SampleRequest, SamplingSettings

if TYPE_CHECKING:
    from rise_core.engine.pool import EnginePool


class Policy(Protocol):
    """Answers the open states of a turn. Column `policy` of the rollouts holds the name."""

    @property
    def name(self) -> str:
        """The checkpoint's id, `teacher:MODEL`, or `gold`."""

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Response]]:
        """Sample the responses of every prompt. Blocks; several threads may call at once.

        Returns:
            Responses [prompts][n], in the order of the prompts, then by sample.
        """


class TextTeacher(Protocol):
    """A model with replies in text: an endpoint, or a second local model."""

    @property
    def name(self) -> str:
        """`teacher:MODEL`."""

    @property
    def account(self) -> str:
        """The cost so far, as text for the log."""

    def reply(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Reply]]:
        """Sample the replies to every prompt. Blocks; several threads may call at once.

        Returns:
            Replies [prompts][n], in the order of the prompts, then by sample.
        """

    def close(self) -> None:
        """End the teacher. Later calls of `reply` raise EngineClosed."""


class LearnerPolicy:
    """The checkpoint in the engine pool."""

    def __init__(self, engines: EnginePool, renderer: Renderer) -> None:
        self._engines, self._renderer = engines, renderer
        self.name = engines.checkpoint.checkpoint_id

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Response]]:
        """See Policy.answer. Raises EngineError when no engine answers."""
        requests = [SampleRequest(prompt.prompt_ids, prompt.n, prompt.seed) for prompt in prompts]
        return [self._renderer.decode(completions) for completions in self._engines.sample(requests, settings)]


class TeacherPolicy:
    """A teacher. Its texts become responses in the learner's tokens."""

    def __init__(self, teacher: TextTeacher, renderer: Renderer) -> None:
        self._teacher, self._renderer = teacher, renderer
        self.name = teacher.name

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Response]]:
        """See Policy.answer. Raises UserError and EngineError as the teacher does."""
        replies = self._teacher.reply(prompts, settings)
        return [
            [self._renderer.retokenize(prompt, reply) for reply in several]
            for prompt, several in zip(prompts, replies, strict=True)
        ]


class GoldPolicy:
    """The worked solutions: supervised fine-tuning on the solutions, in place of sampling."""

    name = "gold"

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Response]]:
        """See Policy.answer; one response per prompt. Raises UserError for a problem without a worked solution."""
        replies = [Reply(worked_solution(prompt.problem), "stop", latency=0.0) for prompt in prompts]
        return [[self._renderer.retokenize(prompt, reply)] for prompt, reply in zip(prompts, replies, strict=True)]


def worked_solution(problem: Problem) -> str:
    """Return a problem's worked solution. Raises UserError for a problem without a worked solution."""
    if problem.solution is None:
        raise UserError(
            f"problem {problem.problem_id} has no worked solution, which a gold turn needs: "
            "name its column in problems.fields.solution, or take the gold turn out of collect.turns"
        )
    return problem.solution

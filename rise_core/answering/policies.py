"""Who answers a turn: the learner's engines, a teacher, or the problems' worked solutions. All are asked alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from rise.core.answering.renderer import Answer, Question, Renderer, Reply
from rise.core.errors import UserError
from rise.core.records import Problem, SampleRequest, SamplingSettings

if TYPE_CHECKING:
    from rise.core.engine.pool import EnginePool


class Policy(Protocol):
    """Answers the open states of a turn; `name` is column `policy` of its rollouts."""

    @property
    def name(self) -> str: ...

    def answer(self, questions: Sequence[Question], settings: SamplingSettings) -> list[list[Answer]]:
        """The `n` answers of every question, in order. Blocks; several threads may call."""


class Speaker(Protocol):
    """Answers in words, knowing nothing of the learner's tokens."""

    @property
    def name(self) -> str: ...

    def reply(self, questions: Sequence[Question], settings: SamplingSettings) -> list[list[Reply]]:
        """The `n` texts of every question, in order. Blocks; several threads may call."""


class LearnerPolicy:
    """The checkpoint that the engines serve."""

    def __init__(self, engines: EnginePool, renderer: Renderer) -> None:
        self.engines, self.renderer = engines, renderer
        self.name = engines.checkpoint.checkpoint_id

    def answer(self, questions: Sequence[Question], settings: SamplingSettings) -> list[list[Answer]]:
        requests = [SampleRequest(question.prompt_ids, question.n, question.seed) for question in questions]
        return [self.renderer.sampled(completions) for completions in self.engines.sample(requests, settings)]


class TeacherPolicy:
    """A speaker, whose texts become responses in the learner's tokens."""

    def __init__(self, speaker: Speaker, renderer: Renderer) -> None:
        self.speaker, self.renderer = speaker, renderer
        self.name = speaker.name

    def answer(self, questions: Sequence[Question], settings: SamplingSettings) -> list[list[Answer]]:
        return [
            [self.renderer.retokenize(question, said) for said in several]
            for question, several in zip(questions, self.speaker.reply(questions, settings), strict=True)
        ]


class Gold:
    """The worked solutions: supervised fine-tuning on them, in the place of sampling."""

    name = "gold"

    def reply(self, questions: Sequence[Question], settings: SamplingSettings) -> list[list[Reply]]:
        return [[Reply(worked(question.problem), "stop", 0.0)] for question in questions]


def worked(problem: Problem) -> str:
    """A problem's worked solution. Raises UserError where it has none."""
    if problem.solution is None:
        raise UserError(
            f"problem {problem.problem_id} has no worked solution, which a gold turn needs: "
            "name its column in problems.fields.solution, or take the gold turn out of collect.turns"
        )
    return problem.solution

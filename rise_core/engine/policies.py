"""Who answers a turn: the learner's engines, a teacher, or the problems' worked solutions. All are asked alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from rise_core.errors import UserError
from rise_core.records import Problem, SampleRequest, SamplingSettings
from rise_core.wording import Answer, Question, Said, Wording

if TYPE_CHECKING:
    from rise_core.engine.pool import EnginePool


class TurnPolicy(Protocol):
    """Answers the open states of a turn; `name` is column `policy` of its rollouts."""

    @property
    def name(self) -> str: ...

    def answer(self, questions: Sequence[Question], settings: SamplingSettings) -> list[list[Answer]]:
        """The `n` answers of every question, in order. Blocks; several threads may call."""


class Speaker(Protocol):
    """Answers in words, knowing nothing of the learner's tokens."""

    @property
    def name(self) -> str: ...

    def say(self, questions: Sequence[Question], settings: SamplingSettings) -> list[list[Said]]:
        """The `n` texts of every question, in order. Blocks; several threads may call."""


class LearnerPolicy:
    """The checkpoint that the engines serve."""

    def __init__(self, engines: EnginePool, wording: Wording) -> None:
        self.engines, self.wording = engines, wording
        self.name = engines.policy.checkpoint_id

    def answer(self, questions: Sequence[Question], settings: SamplingSettings) -> list[list[Answer]]:
        requests = [SampleRequest(question.prompt_ids, question.n, question.seed) for question in questions]
        return [self.wording.sampled(completions) for completions in self.engines.sample(requests, settings)]


class SpokenPolicy:
    """A speaker, whose texts become responses in the learner's tokens."""

    def __init__(self, speaker: Speaker, wording: Wording) -> None:
        self.speaker, self.wording = speaker, wording
        self.name = speaker.name

    def answer(self, questions: Sequence[Question], settings: SamplingSettings) -> list[list[Answer]]:
        return [
            [self.wording.adopted(question, said) for said in several]
            for question, several in zip(questions, self.speaker.say(questions, settings), strict=True)
        ]


class Gold:
    """The worked solutions: supervised fine-tuning on them, in the place of sampling."""

    name = "gold"

    def say(self, questions: Sequence[Question], settings: SamplingSettings) -> list[list[Said]]:
        return [[Said(worked(question.problem), "stop", 0.0)] for question in questions]


def worked(problem: Problem) -> str:
    """A problem's worked solution. Raises UserError where it has none."""
    if problem.solution is None:
        raise UserError(
            f"problem {problem.problem_id} has no worked solution, which a gold turn needs: "
            "name its column in problems.fields.solution, or take the gold turn out of collect.turns"
        )
    return problem.solution

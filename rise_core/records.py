"""The values that stages hand to each other: problems, requests, completions, rollouts, examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What a verifier found out about one response."""

    CORRECT = "correct"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"
    GOLD_UNPARSEABLE = "gold_unparseable"
    TIMEOUT = "timeout"
    ERROR = "error"

    @property
    def is_fact(self) -> bool:
        """Whether the verdict says something about the response; the others only say that grading failed."""
        return self in (Verdict.CORRECT, Verdict.WRONG, Verdict.NO_ANSWER)


FACTS = {None: False} | {verdict.value: verdict.is_fact for verdict in Verdict}


def is_fact(verdict: str | None) -> bool:
    """`Verdict.is_fact` of a stored verdict, fast: millions are asked for. Raises ValueError for an unknown one."""
    try:
        return FACTS[verdict]
    except KeyError:
        raise ValueError(f"{verdict!r} is not a verdict") from None


class Purpose(StrEnum):
    """Why a response was sampled."""

    COLLECT = "collect"
    EVAL_SEQUENTIAL = "eval_sequential"
    EVAL_PARALLEL = "eval_parallel"


EVAL_SPLIT = "eval"  # the held-out problems of the flow; `rise eval` stores its own splits beside it


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem x with its gold answer.

    `answer` is the raw gold text of the source (for GSM8K the worked steps with `#### N`); the verifier parses it.
    `solution` is a worked solution to imitate when boosting, where the source has one.
    `metadata` is what the problem's own scorer needs (reasoning-gym entries), JSON-serialisable.
    """

    problem_id: str
    split: str  # "train", "eval", or the name of a split that `rise eval` made
    problem: str
    answer: str
    solution: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grade:
    """A verifier's finding: verdict, reward, and the parsed answer in canonical form (None where there is none)."""

    verdict: Verdict
    reward: float
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """One state to sample `n` responses from; sample j uses seed `seed + j`."""

    prompt_ids: list[int]
    n: int
    seed: int


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How to sample: the same for every request of a stage."""

    temperature: float
    top_p: float
    max_new_tokens: int
    stop_token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled response: its token ids as sampled (the stop token included), why it ended ("stop" or "length"),
    and the seconds from submission to its end."""

    token_ids: list[int]
    finish_reason: str
    latency: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What samples: a folder of full weights and, under LoRA, an adapter folder on top of it."""

    checkpoint_id: str
    weights_dir: str
    adapter_dir: str | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled response with where it came from and, once graded, what it is worth. A row of table `rollouts`."""

    run: str
    iteration: int
    purpose: str
    split: str
    problem_id: str
    shard: int
    turn: int  # from 1
    sample: int  # from 0
    policy: str
    response: str
    response_ids: list[int]
    prompt_tokens: int
    finish_reason: str
    repetitive: bool
    seed: int
    latency: float
    answer: str | None = None
    verdict: str | None = None
    reward: float | None = None
    selected: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """The fields of a rollout that selection looks at: a million whole rollouts take long to read."""

    iteration: int
    problem_id: str
    turn: int
    sample: int
    response_ids: list[int]
    repetitive: bool
    verdict: str | None
    reward: float | None


@dataclass(frozen=True, slots=True)
class Scored:
    """The fields of a rollout that metrics look at."""

    purpose: str
    split: str
    problem_id: str
    turn: int
    sample: int
    answer: str | None
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Example:
    """One training target: maximise weight · log π(response | state). A row of table `examples`."""

    problem_id: str
    turn: int
    sample: int
    state_ids: list[int]
    response_ids: list[int]
    reward: float
    weight: float


@dataclass(frozen=True, slots=True)
class TrainRow:
    """One token sequence to train on: `mask[i]` says whether token i carries loss (never token 0)."""

    ids: list[int]
    mask: list[bool]
    weight: float

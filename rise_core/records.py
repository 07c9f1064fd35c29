"""Types of the values between stages: problems, requests, completions, rollouts, examples, metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """A verifier's judgement of a response."""

    CORRECT = "correct"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"
    GOLD_UNPARSEABLE = "gold_unparseable"
    TIMEOUT = "timeout"
    ERROR = "error"

    @property
    def is_fact(self) -> bool:
        """Whether the verdict is about the response; the others only report a failure to grade."""
        return self in (Verdict.CORRECT, Verdict.WRONG, Verdict.NO_ANSWER)


_FACTS = {None: False} | {verdict.value: verdict.is_fact for verdict in Verdict}


def is_fact(verdict: str | None) -> bool:
    """Whether a stored verdict is a fact; a fast `Verdict.is_fact` for millions of rows.

    Raises:
        ValueError: An unknown verdict.
    """
    try:
        return _FACTS[verdict]
    except KeyError:
        raise ValueError(f"{verdict!r} is not a verdict") from None


class Purpose(StrEnum):
    """The purpose of a sampled response."""

    COLLECT = "collect"
    EVAL_SEQUENTIAL = "eval_sequential"
    EVAL_PARALLEL = "eval_parallel"


EVAL_SPLIT = "eval"  # the flow's held-out problems; `rise eval` stores its own splits beside this one


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem x with the gold answer."""

    problem_id: str
    split: str  # "train", "eval", or the name of a split of `rise eval`
    problem: str
    answer: str  # raw gold text of the source (GSM8K: worked steps with `#### N`); the verifier parses it
    solution: str | None = None  # worked solution for boosting
    metadata: dict[str, Any] = field(default_factory=dict)  # for the problem's own scorer; JSON-serialisable


@dataclass(frozen=True, slots=True)
class Grade:
    """A verifier's result for one response."""

    verdict: Verdict
    reward: float
    answer: str | None = None  # parsed, in canonical form


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """One state to sample from."""

    prompt_ids: list[int]  # [prompt tokens]
    n: int  # responses
    seed: int  # of sample 0; sample j uses `seed + j`


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """Sampling settings of a whole stage."""

    temperature: float
    top_p: float
    max_new_tokens: int
    stop_token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled response."""

    token_ids: list[int]  # [response tokens], the stop token included
    finish_reason: str  # "stop" or "length"
    latency: float  # seconds from submission to the end


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights to sample with: a folder of full weights and, under LoRA, an adapter folder on top."""

    checkpoint_id: str
    weights_dir: str
    adapter_dir: str | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """A sampled response with origin and, once graded, reward. A row of table `rollouts`."""

    run: str
    iteration: int
    purpose: str  # value of Purpose
    split: str
    problem_id: str
    shard: int  # from 0
    turn: int  # from 1
    sample: int  # from 0
    policy: str  # id of a checkpoint, name of a teacher's model, or "gold"
    response: str
    response_ids: list[int]  # [response tokens]
    prompt_tokens: int
    finish_reason: str
    repetitive: bool  # ends in a loop
    seed: int
    latency: float  # seconds
    answer: str | None = None
    verdict: str | None = None  # value of Verdict; None: not graded yet
    reward: float | None = None
    selected: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """The columns of a rollout for selection; a million whole rollouts take long to read."""

    iteration: int
    problem_id: str
    turn: int  # from 1
    sample: int  # from 0
    response_ids: list[int]  # [response tokens]
    repetitive: bool
    verdict: str | None
    reward: float | None


@dataclass(frozen=True, slots=True)
class Scored:
    """The columns of a rollout for metrics."""

    purpose: str
    split: str
    problem_id: str
    turn: int  # from 1
    sample: int  # from 0
    answer: str | None
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric on a split: the mean over `n` problems with a 95% interval (all NaN where n is 0)."""

    split: str
    metric: str
    value: float
    ci_low: float
    ci_high: float
    n: int


@dataclass(frozen=True, slots=True)
class Example:
    """One training target: maximise weight · log π(response | state). A row of table `examples`."""

    problem_id: str
    turn: int  # from 1
    sample: int  # from 0
    state_ids: list[int]  # [state tokens]
    response_ids: list[int]  # [response tokens]
    reward: float
    weight: float  # exp(reward / tau)


@dataclass(frozen=True, slots=True)
class TrainRow:
    """One token sequence to train on."""

    ids: list[int]  # [tokens]
    mask: list[bool]  # [tokens], whether the token carries loss; never token 0
    weight: float

"""The values of config keys with a closed set of choices. YAML holds the names."""

from __future__ import annotations

from enum import StrEnum


class PolicyKind(StrEnum):
    """Who answers a turn of a training episode."""

    learner = "learner"
    teacher = "teacher"
    gold = "gold"  # the worked solution of the problem


class SourceKind(StrEnum):
    """Where problems come from."""

    file = "file"  # JSON lines or Parquet
    reasoning_gym = "reasoning_gym"  # a generator
    hub = "hub"  # a Hugging Face dataset


class Criterion(StrEnum):
    """Criterion for training examples at turn 2 and later (paper, section 4.2)."""

    all = "all"
    better = "better"  # a higher reward than the turn before
    best = "best"  # a reward at least as high as every turn before
    success = "success"  # correct responses only, at turn 1 too


class Adapter(StrEnum):
    """Weights under training."""

    lora = "lora"
    none = "none"  # all weights


class Normalise(StrEnum):
    """How the weights exp(reward / tau) are scaled."""

    none = "none"
    mean = "mean"  # divided by their mean over all examples

    @property
    def largest_exponent(self) -> float:
        """The largest reward / tau without overflow of the weight.

        Training computes in float32, up to exp(88). Division by the mean happens in float64, up to exp(709).
        """
        return 80.0 if self is Normalise.none else 700.0


class LossReduction(StrEnum):
    """Reduction of the loss over a response's tokens."""

    token_mean = "token_mean"
    token_sum = "token_sum"


class TrainInit(StrEnum):
    """Starting weights of an iteration's training."""

    previous = "previous"  # the checkpoint of the iteration before
    base = "base"


class TrainData(StrEnum):
    """Examples in an iteration's training data."""

    latest = "latest"  # of this iteration
    all = "all"  # of every iteration so far


class Schedule(StrEnum):
    """The learning rate after the warm-up."""

    constant = "constant"
    linear = "linear"  # falls to 0
    cosine = "cosine"  # falls to 0

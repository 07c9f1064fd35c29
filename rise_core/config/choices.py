"""The words that a config key may hold where it allows a few."""

from __future__ import annotations

from enum import StrEnum


class PolicyKind(StrEnum):
    learner = "learner"
    teacher = "teacher"
    gold = "gold"


class SourceKind(StrEnum):
    file = "file"
    reasoning_gym = "reasoning_gym"
    hub = "hub"


class Criterion(StrEnum):
    all = "all"
    better = "better"
    best = "best"
    success = "success"


class Adapter(StrEnum):
    lora = "lora"
    none = "none"


class Normalise(StrEnum):
    none = "none"
    mean = "mean"


class LossReduction(StrEnum):
    token_mean = "token_mean"
    token_sum = "token_sum"


class TrainInit(StrEnum):
    previous = "previous"
    base = "base"


class TrainData(StrEnum):
    latest = "latest"
    all = "all"


class Schedule(StrEnum):
    constant = "constant"
    linear = "linear"
    cosine = "cosine"

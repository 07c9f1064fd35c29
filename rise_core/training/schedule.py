"""The examples and the learning rate of each optimiser step."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from rise_core.config.choices import Schedule
from rise_core.config.training_keys import Optim


def step_count(examples: int, optim: Optim) -> int:
    """Return the number of optimiser steps of a training. The last batch of an epoch may be smaller."""
    return optim.epochs * math.ceil(examples / optim.batch_size)


def global_batches(examples: int, optim: Optim, seed: int) -> Iterator[tuple[int, list[int]]]:
    """Yield (epoch, example numbers) of every optimiser step.

    Epochs count from 1. The order of an epoch is drawn from (seed, epoch) alone.
    """
    for epoch in range(1, optim.epochs + 1):
        order = np.random.default_rng([seed % 2**64, epoch]).permutation(examples).tolist()
        for start in range(0, examples, optim.batch_size):
            yield epoch, order[start : start + optim.batch_size]


def learning_rate(step: int, steps: int, optim: Optim) -> float:
    """Return the learning rate of optimiser step `step` (from 1) of `steps`.

    The rate rises linearly over the first `warmup` share of the steps. After the warm-up it is constant or falls
    (linear, cosine) towards 0 at one step after the last, so no step is wasted on a rate of 0.
    """
    warmup = min(round(optim.warmup * steps), steps - 1)
    if step <= warmup:
        return optim.learning_rate * step / (warmup + 1)
    done = (step - 1 - warmup) / (steps - warmup)
    if optim.schedule is Schedule.linear:
        return optim.learning_rate * (1 - done)
    if optim.schedule is Schedule.cosine:
        return optim.learning_rate * (1 + math.cos(math.pi * done)) / 2
    return optim.learning_rate

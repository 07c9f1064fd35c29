"""Which examples an optimiser step sees, and its learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from rise.core.config.choices import Schedule
from rise.core.config.training_keys import Optim


def step_count(examples: int, optim: Optim) -> int:
    """Optimiser steps of the whole training; an epoch's last batch may be smaller."""
    return optim.epochs * math.ceil(examples / optim.batch_size)


def global_batches(examples: int, optim: Optim, seed: int) -> Iterator[tuple[int, list[int]]]:
    """(epoch from 1, example numbers of one optimiser step), each epoch in an order drawn from (seed, epoch)."""
    for epoch in range(1, optim.epochs + 1):
        order = np.random.default_rng([seed % 2**64, epoch]).permutation(examples).tolist()
        for start in range(0, examples, optim.batch_size):
            yield epoch, order[start : start + optim.batch_size]


def learning_rate(step: int, steps: int, optim: Optim) -> float:
    """Learning rate of optimiser step `step` (from 1) of `steps`.

    Rises linearly over the first `warmup` share of the steps, then stays (constant) or falls towards 0, which it
    would reach one step after the last.
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

"""Reward-weighted regression's weights: w = exp(reward / tau) (RISE, arXiv 2407.18219, section 4.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rise_core.config import Normalise
from rise_core.errors import UserError

LARGEST_EXPONENT = 80.0  # exp(88) is the end of float32


def reward_weights(rewards: Sequence[float], tau: float, normalise: Normalise = Normalise.none) -> list[float]:
    """One weight a reward, in the same order.

    `none` keeps exp(reward / tau): 12.2, 1 and 0.08 for rewards 1, 0 and -1 at tau 0.4. `mean` divides by the mean
    over all rewards, so that the weights average 1 and the learning rate keeps its meaning whatever tau is.

    Raises UserError when tau is not positive, a reward is not a finite number, or the weights would overflow.
    """
    if not (math.isfinite(tau) and tau > 0):
        raise UserError(f"config: train.tau must be above 0, not {tau}")
    for position, reward in enumerate(rewards):
        if not math.isfinite(reward):
            raise UserError(f"reward number {position} is {reward}; every example needs a finite reward")
    if not rewards:
        return []
    exponents = [reward / tau for reward in rewards]
    largest = max(exponents)
    if normalise is Normalise.mean:
        # Shifting by the largest exponent cancels in the quotient and keeps exp() in range for any tau.
        shifted = [math.exp(exponent - largest) for exponent in exponents]
        mean = math.fsum(shifted) / len(shifted)
        return [value / mean for value in shifted]
    if largest > LARGEST_EXPONENT:
        raise UserError(
            f"config: train.tau {tau} is too small: exp({largest:.4g}) overflows; raise it or set train.normalise=mean"
        )
    return [math.exp(exponent) for exponent in exponents]

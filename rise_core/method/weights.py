"""Reward-weighted regression's weights: w = exp(reward / tau) (RISE, arXiv 2407.18219, section 4.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rise.core.config.choices import Normalise
from rise.core.errors import UserError

# Training is in float32, which ends at exp(88). Weights that are divided by their mean need not fit it before; the lake
# holds them in float64, which ends at exp(709).
LARGEST_EXPONENT = {Normalise.none: 80.0, Normalise.mean: 700.0}


def reward_weights(rewards: Sequence[float], tau: float, normalise: Normalise = Normalise.none) -> list[float]:
    """The weights to train with, one a reward, in the same order.

    `none` keeps exp(reward / tau): 12.2, 1 and 0.08 for rewards 1, 0 and -1 at tau 0.4. `mean` divides by the mean
    over all rewards, so that the weights average 1 and the learning rate keeps its meaning whatever tau is.

    Raises UserError when tau is not positive, a reward is not a finite number, or the weights would overflow.
    """
    if normalise is Normalise.none:
        return plain_weights(rewards, tau, normalise)
    exponents = exponents_of(rewards, tau)
    # Shifting by the largest exponent cancels in the quotient and keeps exp() in range for any tau.
    largest = max(exponents, default=0.0)
    shifted = [math.exp(exponent - largest) for exponent in exponents]
    mean = math.fsum(shifted) / max(len(shifted), 1)
    return [value / mean for value in shifted]


def plain_weights(rewards: Sequence[float], tau: float, normalise: Normalise) -> list[float]:
    """exp(reward / tau) before `normalise`, as table `examples` holds it. Raises as `reward_weights` does."""
    exponents = exponents_of(rewards, tau)
    largest, limit = max(exponents, default=0.0), LARGEST_EXPONENT[normalise]
    if largest > limit:
        advice = "raise it or set train.normalise=mean" if normalise is Normalise.none else "raise it"
        raise UserError(f"config: train.tau {tau} is too small: exp({largest:.4g}) overflows; {advice}")
    return [math.exp(exponent) for exponent in exponents]


def exponents_of(rewards: Sequence[float], tau: float) -> list[float]:
    if not (math.isfinite(tau) and tau > 0):
        raise UserError(f"config: train.tau must be above 0, not {tau}")
    for position, reward in enumerate(rewards):
        if not math.isfinite(reward):
            raise UserError(f"reward number {position} is {reward}; every example needs a finite reward")
    return [reward / tau for reward in rewards]

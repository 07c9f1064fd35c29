"""Weights of reward-weighted regression (RISE, arXiv 2407.18219, section 4.2).

w_i = exp(reward_i / tau)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rise_core.config.choices import Normalise
from rise_core.errors import UserError


def reward_weights(rewards: Sequence[float], tau: float, normalise: Normalise = Normalise.none) -> list[float]:
    """Compute the weights for training, one a reward, in order.

    `none` keeps exp(reward / tau): 12.2, 1 and 0.08 for rewards 1, 0 and -1 at tau 0.4. `mean` divides by the mean
    over all rewards: the weights average 1, so the learning rate keeps its meaning for any tau.

    Raises:
        UserError: tau is not positive, a reward is not finite, or a weight overflows.
    """
    if normalise is Normalise.none:
        return plain_weights(rewards, tau, normalise)
    exponents = _exponents(rewards, tau)
    # The largest exponent cancels in the quotient. Subtracting it keeps exp() in range for any tau.
    largest = max(exponents, default=0.0)
    shifted = [math.exp(exponent - largest) for exponent in exponents]
    mean = math.fsum(shifted) / max(len(shifted), 1)
    return [value / mean for value in shifted]


def plain_weights(rewards: Sequence[float], tau: float, normalise: Normalise) -> list[float]:
    """Compute exp(reward / tau) without division by the mean. Table `examples` stores these weights.

    `normalise` decides the overflow limit only. Raises UserError as `reward_weights` does.
    """
    exponents = _exponents(rewards, tau)
    largest = max(exponents, default=0.0)
    if largest > normalise.largest_exponent:
        advice = "raise it or set train.normalise=mean" if normalise is Normalise.none else "raise it"
        raise UserError(f"config: train.tau {tau} is too small: exp({largest:.4g}) overflows; {advice}")
    return [math.exp(exponent) for exponent in exponents]


def _exponents(rewards: Sequence[float], tau: float) -> list[float]:
    if not (math.isfinite(tau) and tau > 0):
        raise UserError(f"config: train.tau must be above 0, not {tau}")
    for position, reward in enumerate(rewards):
        if not math.isfinite(reward):
            raise UserError(f"reward number {position} is {reward}; every example needs a finite reward")
    return [reward / tau for reward in rewards]

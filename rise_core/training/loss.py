"""The weighted negative log-likelihood, in a form that packing and gradient accumulation cannot change.

For example i with weight w_i and loss tokens T_i (the response and its end-of-turn token):

    token_mean   l_i = w_i / |T_i| * sum over t in T_i of -log p(token t | tokens before it)
    token_sum    l_i = w_i         * sum over t in T_i of -log p(token t | tokens before it)

and for one optimiser step on a global batch of B examples L = 1/B * sum_i l_i. B counts examples over all forward
passes and all workers. Every token thus has one constant factor (`token_scale` / B), known before the batch is split:
L and its gradient are plain sums over tokens, and any split of the sum gives the same result.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from rise.core.config.choices import LossReduction


def token_scale(weight: float, loss_tokens: int, reduction: LossReduction) -> float:
    """The factor of each loss token of one example with `loss_tokens` of them."""
    return weight / loss_tokens if reduction is LossReduction.token_mean else weight


def weighted_loss(
    logits: torch.Tensor, targets: torch.Tensor, scales: torch.Tensor, batch_examples: int
) -> torch.Tensor:
    """This pass's share of L, a scalar in nats.

    logits [n, vocab] at the positions before the loss tokens; targets [n] the loss tokens; scales [n] their
    `token_scale`; batch_examples B of the whole optimiser step.
    """
    # In float32 whatever the logits are: bfloat16 cannot resolve the log-probability of a likely token.
    losses = functional.cross_entropy(logits.float(), targets, reduction="none")
    return torch.dot(losses, scales) / batch_examples

"""The weighted negative log-likelihood, in a form that packing and gradient accumulation cannot change.

For example i with weight w_i and loss tokens T_i (the response and its end-of-turn token; section 4):

    token_mean   l_i = w_i / |T_i| * sum over t in T_i of -log p(token t | tokens before it)
    token_sum    l_i = w_i         * sum over t in T_i of -log p(token t | tokens before it)

and for one optimiser step on a global batch of B examples L = 1/B * sum_i l_i. B counts the examples of all forward
passes and all workers. Every token has one constant factor (`token_scale` / B), known before the batch is split. L and
its gradient are plain sums over tokens, and any split of a sum gives the same result.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from rise_core.config.choices import LossReduction


def token_scale(weight: float, loss_tokens: int, reduction: LossReduction) -> float:
    """Return the factor of each loss token of an example with `loss_tokens` loss tokens."""
    return weight / loss_tokens if reduction is LossReduction.token_mean else weight


def weighted_loss(
    logits: torch.Tensor, targets: torch.Tensor, scales: torch.Tensor, batch_examples: int
) -> torch.Tensor:
    """Return one forward pass's share of L, a scalar in nats.

    Args:
        logits: [n, vocab], at the positions before the loss tokens.
        targets: [n], the loss tokens.
        scales: [n], `token_scale` of each loss token.
        batch_examples: B, the examples of the whole optimiser step.
    """
    # Always in float32: bfloat16 cannot resolve the log-probability of a likely token.
    losses = functional.cross_entropy(logits.float(), targets, reduction="none")
    return torch.dot(losses, scales) / batch_examples

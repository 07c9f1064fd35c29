"""The losses of a short training are pinned: a change to the loss, the order, the packing or the optimiser shows here.

The numbers were printed by this training itself. They hold on every processor: with SSE4, AVX2 and AVX-512
instructions, and in every packing, they differ by at most 2e-5. After an intended change of the training, print and pin them anew.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rise.core.config.choices import Adapter, LossReduction
from rise.core.config.training_keys import Optim
from rise.core.training.model import load_policy, trainable
from rise.core.training.packing import batches
from rise.core.training.row_file import load_rows
from rise.core.training.spec import TrainSpec
from rise.core.training.trainer import gradient, train

OPTIM = Optim(learning_rate=5e-3, epochs=3, batch_size=5, weight_decay=0.1, warmup=0.1)  # 3 steps an epoch, the last of 3 examples
LOSSES = {
    (Adapter.none, LossReduction.token_mean): [
        12.847147, 23.028315, 54.26807, 8.117033, 25.628391, 23.019808, 21.894614, 13.091583, 8.755912,
    ],
    (Adapter.none, LossReduction.token_sum): [
        217.953812, 233.464798, 815.366211, 140.223025, 454.792786, 174.897171, 313.592438, 233.372147, 87.50547,
    ],
    (Adapter.lora, LossReduction.token_mean): [
        12.847147, 22.841667, 55.174534, 11.46317, 32.306179, 33.286297, 30.700169, 20.585152, 16.478594,
    ],
    (Adapter.lora, LossReduction.token_sum): [
        217.953812, 233.199066, 823.601562, 194.452505, 571.554382, 207.124771, 468.726288, 296.412689, 151.727356,
    ],
}  # fmt: skip
GRADIENT_NORMS = {
    (Adapter.none, LossReduction.token_mean): 26.915302,
    (Adapter.none, LossReduction.token_sum): 306.438843,
    (Adapter.lora, LossReduction.token_mean): 8.020497,
    (Adapter.lora, LossReduction.token_sum): 93.944717,
}  # of the loss over all 13 rows, before the first step


@pytest.mark.parametrize(("adapter", "reduction"), list(LOSSES))
def test_the_losses_of_nine_steps_are_the_pinned_ones(
    spec: TrainSpec, adapter: Adapter, reduction: LossReduction
) -> None:
    result = train(
        replace(spec, adapter=adapter, loss=reduction, optim=OPTIM), rank=0, world_size=1, report=lambda entry: None
    )
    assert [entry["loss"] for entry in result.log] == pytest.approx(LOSSES[adapter, reduction], rel=1e-4)


@pytest.mark.parametrize(("adapter", "reduction"), list(GRADIENT_NORMS))
def test_the_gradient_norm_of_all_rows_is_the_pinned_one(
    spec: TrainSpec, adapter: Adapter, reduction: LossReduction
) -> None:
    torch.manual_seed(spec.seed)
    policy = load_policy(replace(spec, adapter=adapter), torch.device("cpu"))
    passes = batches(load_rows(spec.rows_path), range(13), reduction, spec.row_tokens, spec.micro_rows)
    gradient(policy, passes, 13, half=False, world_size=1)
    norm = torch.nn.utils.get_total_norm([p.grad for p in trainable(policy) if p.grad is not None])
    assert norm.item() == pytest.approx(GRADIENT_NORMS[adapter, reduction], rel=1e-4)

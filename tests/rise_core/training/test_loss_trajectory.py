"""The losses of a short training are pinned: a change to the loss, the order, the packing or the optimiser shows here.

The numbers were printed by this training itself. They hold on every processor: with SSE4, AVX2 and AVX-512
instructions, and in every packing, they differ by at most 2e-5. After an intended
change of the training, print and pin them anew.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rise_core.config.choices import Adapter, LossReduction
from rise_core.config.training_keys import Optim
from rise_core.training.model import load_model, trainable
from rise_core.training.packing import batches
from rise_core.training.row_file import load_rows
from rise_core.training.spec import TrainSpec
from rise_core.training.trainer import gradient, train

# An epoch has 3 steps, the last of 3 examples.
OPTIM = Optim(learning_rate=5e-3, epochs=3, batch_size=5, weight_decay=0.1, warmup=0.1)
LOSSES = {
    (Adapter.none, LossReduction.token_mean): [
        12.847147, 23.026764, 54.255749, 8.119552, 25.619406, 23.026384, 21.895921, 13.094187, 8.751668,
    ],
    (Adapter.none, LossReduction.token_sum): [
        217.953812, 233.445892, 815.208923, 140.252323, 454.701263, 174.885437, 313.649643, 233.370361, 87.528687,
    ],
    (Adapter.lora, LossReduction.token_mean): [
        12.847147, 22.84166, 55.174541, 11.465017, 32.308411, 33.29538, 30.707174, 20.592253, 16.485548,
    ],
    (Adapter.lora, LossReduction.token_sum): [
        217.953812, 233.199005, 823.600891, 194.484959, 571.603638, 207.139404, 468.866592, 296.452911, 151.780518,
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
    model = load_model(replace(spec, adapter=adapter), torch.device("cpu"))
    passes = batches(load_rows(spec.rows_path), range(13), reduction, spec.row_tokens, spec.micro_rows)
    gradient(model, passes, 13, half=False, world_size=1)
    norm = torch.nn.utils.get_total_norm([p.grad for p in trainable(model) if p.grad is not None])
    assert norm.item() == pytest.approx(GRADIENT_NORMS[adapter, reduction], rel=1e-4)

"""The config of training: sections `boost` and `train`."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from rise_core.config.choices import Adapter, LossReduction, Normalise, Schedule, TrainData, TrainInit
from rise_core.config.field_types import LATER, Count, NotNegative, NotNegativeNumber, Positive, Share


@dataclass
class Lora:
    """LoRA, where `train.adapter` is `lora`."""

    r: Annotated[Count, Field(description="rank")] = 16
    alpha: Annotated[int, Field(description="scale: the update is multiplied by alpha / r")] = 32
    dropout: Annotated[Share, Field(description="dropout on the adapter's input")] = 0.0
    targets: Annotated[
        list[str], Field(description="module names to adapt; empty: every linear layer but the head")
    ] = field(default_factory=list)


@dataclass
class Optim:
    """The optimiser of a fine-tuning: AdamW with a schedule."""

    learning_rate: Annotated[Positive, Field(description="peak learning rate of AdamW")] = 1e-5
    schedule: Annotated[Schedule, Field(description="learning rate after the warm-up")] = Schedule.cosine
    warmup: Annotated[Share, Field(description="share of the steps over which the learning rate rises")] = 0.03
    weight_decay: Annotated[NotNegativeNumber, Field(description="AdamW's weight decay")] = 0.0
    max_grad_norm: Annotated[
        NotNegativeNumber, Field(description="gradients of a larger norm are scaled down to it; 0: no limit")
    ] = 1.0
    epochs: Annotated[Count, Field(description="passes over the data")] = 1
    batch_size: Annotated[Count, Field(description="examples in one optimiser step, over all workers")] = 64


@dataclass
class Train:
    """Reward-weighted regression."""

    adapter: Annotated[Adapter, Field(description="lora, or none for all weights")] = Adapter.none
    lora: Lora = field(default_factory=Lora)
    tau: Annotated[Positive, Field(description="temperature of the weights: w = exp(reward / tau)")] = 0.4
    normalise: Annotated[Normalise, Field(description="weights as they are (none) or divided by their mean (mean)")] = (
        Normalise.none
    )
    loss: Annotated[LossReduction, Field(description="mean or sum over a response's tokens")] = LossReduction.token_mean
    init: Annotated[TrainInit, Field(description="start from the previous checkpoint or from the base")] = (
        TrainInit.previous
    )
    data: Annotated[TrainData, Field(description="train on the latest iteration's examples or on all so far")] = (
        TrainData.latest
    )
    optim: Optim = field(default_factory=Optim)
    row_tokens: Annotated[
        Count, Field(description="tokens in a packed row; a longer example gets a row of its own")
    ] = 2048
    micro_rows: Annotated[Count, Field(description="packed rows in one forward pass")] = 1
    gradient_checkpointing: Annotated[bool, Field(description="recompute activations to save memory")] = False
    workers: Annotated[Count, Field(description="training workers (Ray Train)"), LATER] = 1
    gpus: Annotated[NotNegativeNumber, Field(description="GPUs of each worker; 0: CPU"), LATER] = 0.0
    threads: Annotated[
        NotNegative,
        Field(description="CPU threads of each worker; 0: the machine's cores shared among the workers"),
        LATER,
    ] = 0
    timeout: Annotated[Positive, Field(description="longest time of one fine-tuning, in seconds"), LATER] = 86400.0


@dataclass
class Boost:
    """Supervised fine-tuning of the base on single-turn worked solutions, before iteration 1."""

    problems: Annotated[NotNegative, Field(description="worked problems to learn from; 0: no boost")] = 0
    per_sequence: Annotated[Count, Field(description="unrelated problems in one sequence")] = 1
    optim: Optim = field(default_factory=Optim)

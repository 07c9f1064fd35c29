"""The config of training: `boost` and `train`."""

from __future__ import annotations

from dataclasses import dataclass

from rise.core.config.choices import Adapter, LossReduction, Normalise, Schedule, TrainData, TrainInit
from rise.core.config.field_types import key, section


@dataclass
class Lora:
    """LoRA, where `train.adapter` is `lora`."""

    r: int = key(16, "rank")
    alpha: int = key(32, "scale: the update is multiplied by alpha / r")
    dropout: float = key(0.0, "dropout on the adapter's input")
    targets: list[str] = key([], "module names to adapt; empty: every linear layer but the head")


@dataclass
class Optim:
    """One fine-tuning run: what the optimiser does."""

    learning_rate: float = key(1e-5, "peak learning rate of AdamW")
    schedule: Schedule = key(Schedule.cosine, "constant, linear or cosine decay after the warm-up")
    warmup: float = key(0.03, "share of the steps over which the learning rate rises")
    weight_decay: float = key(0.0, "AdamW's weight decay")
    max_grad_norm: float = key(1.0, "gradients of a larger norm are scaled down to it; 0: no limit")
    epochs: int = key(1, "passes over the data")
    batch_size: int = key(64, "examples in one optimiser step, over all workers")


@dataclass
class Train:
    """Reward-weighted regression."""

    adapter: Adapter = key(Adapter.none, "lora, or none for all weights")
    lora: Lora = section(Lora)
    tau: float = key(0.4, "temperature of the weights: w = exp(reward / tau)")
    normalise: Normalise = key(Normalise.none, "weights as they are (none) or divided by their mean (mean)")
    loss: LossReduction = key(LossReduction.token_mean, "mean or sum over a response's tokens")
    init: TrainInit = key(TrainInit.previous, "start from the previous checkpoint or from the base")
    data: TrainData = key(TrainData.latest, "train on the latest iteration's examples or on all so far")
    optim: Optim = section(Optim)
    row_tokens: int = key(2048, "tokens in a packed row; a longer example gets a row of its own")
    micro_rows: int = key(1, "packed rows in one forward pass")
    gradient_checkpointing: bool = key(False, "recompute activations to save memory")
    workers: int = key(1, "training workers (Ray Train)")
    gpus: float = key(0.0, "GPUs of each worker; 0: CPU")
    threads: int = key(0, "CPU threads of each worker; 0: the machine's cores shared among the workers")
    timeout: float = key(86400.0, "seconds that one fine-tuning may take")


@dataclass
class Boost:
    """Supervised fine-tuning of the base on single-turn worked solutions, before iteration 1."""

    problems: int = key(0, "worked problems to learn from; 0: no boost")
    per_sequence: int = key(1, "unrelated problems that share one sequence")
    optim: Optim = section(Optim)

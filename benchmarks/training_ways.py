"""The ways of training that are compared: this project's loop, and transformers' Trainer with the same loss."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from rise_core.training.arrays import Rows
from rise_core.training.model import load_model
from rise_core.training.schedule import global_batches
from rise_core.training.spec import TrainSpec
from rise_core.training.trainer import optimise


@dataclass(frozen=True)
class Steps:
    """The steps of one training: useful tokens a second after the first step, and every step's loss."""

    rate: float
    losses: list[float]
    parameters: int


def ours(spec: TrainSpec, rows: Rows) -> Steps:
    """Train with this project's loop as `rise run` does, without loading and saving."""
    torch.manual_seed(spec.seed)
    model = load_model(spec, torch.device("cpu"))
    ends: list[tuple[float, int, float]] = []

    def log(entry: dict[str, Any]) -> None:
        ends.append((time.perf_counter(), entry["tokens"], entry["loss"]))

    optimise(model, rows, spec, log)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Steps(rate_of([end[:2] for end in ends]), [loss for *_, loss in ends], parameters)


def rate_of(ends: list[tuple[float, int]]) -> float:
    (begun, before), (ended, after) = ends[0], ends[-1]
    return (after - before) / (ended - begun)


def trainer(spec: TrainSpec, rows: Rows, sequences: int, width: int | None, steps: int) -> Steps:
    """Train with transformers' Trainer on the same batches.

    Args:
        sequences: Sequences in a forward pass; divides the batch.
        width: Tokens of a padded sequence; None pads to the longest of a pass.
        steps: Optimiser steps.
    """
    torch.manual_seed(spec.seed)
    batch = spec.optim.batch_size
    order = [index for _, examples in global_batches(len(rows), spec.optim, spec.seed) for index in examples]
    model = AutoModelForCausalLM.from_pretrained(spec.weights_dir, dtype=torch.float32)
    clock = Clock()
    arguments = TrainingArguments(
        output_dir=spec.out_dir,
        per_device_train_batch_size=sequences,
        gradient_accumulation_steps=-(-batch // sequences),
        max_steps=steps,
        learning_rate=spec.optim.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=spec.optim.max_grad_norm,
        optim="adamw_torch_fused",
        use_cpu=True,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
    )
    running = Weighted(
        model=model,
        args=arguments,
        train_dataset=[item(rows, index) for index in order[: steps * batch]],
        data_collator=lambda items: padded(items, width),
        callbacks=[clock],
    )
    running.batch = batch
    running.remove_callback(PrinterCallback)  # it prints to stdout
    running.train()
    lengths = [int(rows.lengths[order[: (step + 1) * batch]].sum()) for step in range(steps)]
    losses = [sum(part) for part in chunks(running.losses, -(-batch // sequences))]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Steps(rate_of(list(zip(clock.ends, lengths, strict=True))), losses, parameters)


class Weighted(Trainer):
    """Trainer with the reward-weighted loss on a padded batch: logits at every position."""

    batch = 1

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.losses: list[float] = []
        # `compute_loss` returns the pass's share of the batch's loss; Trainer must not divide again.
        self.loss_is_scaled_for_ga = True

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels, weights = inputs.pop("labels"), inputs.pop("weights")
        logits = model(**inputs).logits[:, :-1]
        losses = functional.cross_entropy(logits.flatten(0, 1).float(), labels[:, 1:].flatten(), reduction="none")
        mask = (labels[:, 1:] >= 0).float()
        loss = ((losses.view_as(mask) * mask).sum(1) / mask.sum(1) * weights).sum() / self.batch
        self.losses.append(float(loss.detach()))
        return loss


class Clock(TrainerCallback):
    """The end of each optimiser step."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(time.perf_counter())


def item(rows: Rows, index: int) -> dict[str, Any]:
    ids, mask = rows.row(index)
    return {"ids": torch.from_numpy(ids), "mask": torch.from_numpy(mask), "weight": float(rows.weights[index])}


def padded(items: list[dict[str, Any]], width: int | None) -> dict[str, torch.Tensor]:
    """A batch padded on the right to `width`, or to its longest sequence."""
    width = width or max(len(one["ids"]) for one in items)
    shape = (len(items), width)
    ids, labels, attention = torch.zeros(shape).long(), torch.full(shape, -100), torch.zeros(shape).long()
    for number, one in enumerate(items):
        length = len(one["ids"])
        ids[number, :length], attention[number, :length] = one["ids"], 1
        labels[number, :length][one["mask"]] = one["ids"][one["mask"]]
    weights = torch.tensor([one["weight"] for one in items])
    return {"input_ids": ids, "attention_mask": attention, "labels": labels, "weights": weights}


def chunks(values: list[float], size: int) -> list[list[float]]:
    return [values[start : start + size] for start in range(0, len(values), size)]

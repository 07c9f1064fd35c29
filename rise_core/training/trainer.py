"""The training loop: one worker's share of a fine-tuning by reward-weighted regression, in plain PyTorch.

    result = train(spec, rank=0, world_size=1, report=print)

Several workers need a torch process group. Each takes an equal share of every global batch, and gradients are summed
over the workers. Any number of workers, rows and passes gives the gradient of the whole batch (see loss.py).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import torch
from torch import distributed

from rise_core.config.choices import Adapter
from rise_core.config.training_keys import Optim
from rise_core.errors import UserError
from rise_core.training.arrays import Rows
from rise_core.training.log import TrainLog
from rise_core.training.loss import weighted_loss
from rise_core.training.model import load_model, needs_flat_rows, save_model, target_logits, trainable
from rise_core.training.packing import Batch, batches
from rise_core.training.schedule import global_batches, learning_rate, step_count
from rise_core.training.spec import TrainResult, TrainSpec


def train(
    spec: TrainSpec, rank: int, world_size: int, report: Callable[[dict[str, Any]], None], device: str = "cpu"
) -> TrainResult:
    """Train and save. On the CPU the same spec gives the same bytes.

    Args:
        rank: Number of this worker, from 0. Worker 0 alone writes files and reports.
        world_size: Number of workers.
        report: Gets log entries, at most one a second.
        device: A torch device.

    Raises:
        UserError: Rows or weights cannot be trained on, or the loss or the gradient stops being finite (the message
            names the step).
    """
    from rise_core.training.row_file import load_rows  # needs Arrow; the rest of this module runs without

    started = time.monotonic()
    rows = load_rows(spec.rows_path)
    torch.set_num_threads(spec.threads or _cores_of_worker(world_size))
    torch.manual_seed(spec.seed)  # a fresh adapter is the same on every worker
    model = load_model(spec, torch.device(device))
    _check_vocabulary(rows, model, spec)
    torch.manual_seed(spec.seed + rank)  # dropout is not
    steps = step_count(len(rows), spec.optim)
    with TrainLog(spec.log_path if rank == 0 else None, steps, report if rank == 0 else lambda _: None) as log:
        tokens = optimise(model, rows, spec, log.add, rank, world_size)
    if rank == 0:
        save_model(model, spec)
    return TrainResult(
        out_dir=spec.out_dir,
        kind="full" if spec.adapter is Adapter.none else "adapter",
        steps=steps,
        tokens=tokens,
        seconds=time.monotonic() - started,
        log=log.entries,
    )


def optimise(
    model: Any, rows: Rows, spec: TrainSpec, log: Callable[[dict[str, Any]], None], rank: int = 0, world_size: int = 1
) -> int:
    """Run every optimiser step of the spec on a loaded model.

    Args:
        log: Gets an entry for each step: step, epoch, loss, learning_rate, tokens.

    Returns:
        The sequence tokens of all workers and epochs, without padding.

    Raises:
        UserError: The loss or the gradient stops being finite.
    """
    optimizer = _make_optimizer(trainable(model), spec.optim)
    steps = step_count(len(rows), spec.optim)
    half = spec.dtype == "bfloat16"
    flat = needs_flat_rows(model)
    tokens = 0
    for step, (epoch, examples) in enumerate(global_batches(len(rows), spec.optim, spec.seed), start=1):
        mine = share(rows, examples, rank, world_size)
        passes = batches(rows, mine, spec.loss, spec.row_tokens, spec.micro_rows, flat=flat)
        loss = gradient(model, passes, len(examples), half=half, world_size=world_size)
        rate = learning_rate(step, steps, spec.optim)
        _update(model, optimizer, rate, spec.optim, loss, step)
        tokens += int(rows.lengths[examples].sum())
        log({"step": step, "epoch": epoch, "loss": loss, "learning_rate": rate, "tokens": tokens})
    return tokens


def share(rows: Rows, examples: list[int], rank: int, world_size: int) -> list[int]:
    """Return a worker's examples of a global batch: every `world_size`-th by length, so that all have like work."""
    return sorted(examples, key=lambda index: (-rows.lengths[index], index))[rank::world_size]


def gradient(model: Any, passes: Iterable[Batch], batch_examples: int, half: bool, world_size: int) -> float:
    """Add the gradient of the global batch to the parameters' `.grad`.

    Args:
        passes: This worker's forward passes.
        batch_examples: Examples of the global batch, over all workers.
        half: Compute in bfloat16 on a GPU.

    Returns:
        The loss L of the global batch in nats (loss.py).
    """
    parameters = trainable(model)
    device = parameters[0].device
    total = torch.zeros((), dtype=torch.float64, device=device)
    for batch in passes:
        mixed = torch.autocast("cuda", torch.bfloat16) if half and device.type == "cuda" else nullcontext()
        with mixed:
            moved = batch.to(device)
            loss = weighted_loss(target_logits(model, moved), moved.targets, moved.scales, batch_examples)
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    if world_size > 1:
        # A sum by hand: DistributedDataParallel averages over workers and needs the same number of passes on each;
        # here a worker may have fewer passes than another, or none.
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        pending = [distributed.all_reduce(p.grad, async_op=True) for p in parameters]
        pending.append(distributed.all_reduce(total, async_op=True))
        for reduction in pending:
            reduction.wait()
    return total.item()


def _make_optimizer(parameters: list[torch.nn.Parameter], optim: Optim) -> torch.optim.AdamW:
    """Build AdamW; weight decay spares vectors (norms and biases)."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": optim.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=optim.learning_rate, fused=True)


def _update(model: Any, optimizer: torch.optim.Optimizer, rate: float, optim: Optim, loss: float, step: int) -> None:
    """Take one clipped optimiser step. Raise UserError naming the step where loss or gradient is not finite."""
    norm = torch.nn.utils.clip_grad_norm_(trainable(model), optim.max_grad_norm or float("inf"), foreach=True)
    for name, value in (("loss", loss), ("gradient norm", norm.item())):
        if not torch.isfinite(torch.tensor(value)):
            raise UserError(
                f"training stopped at optimiser step {step}: the {name} is {value}; "
                f"lower train.optim.learning_rate (now {optim.learning_rate:g}) or look at the examples' weights"
            )
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _check_vocabulary(rows: Rows, model: Any, spec: TrainSpec) -> None:
    """Raise UserError for a token id without an embedding: on a GPU the lookup ends in an unreadable CUDA error."""
    size, largest = model.get_input_embeddings().num_embeddings, int(rows.ids.max())
    if largest >= size:
        raise UserError(
            f"training rows {spec.rows_path}: token id {largest} is outside the vocabulary ({size} tokens) of the "
            f"model in {spec.weights_dir}; were the rows made with another tokenizer?"
        )


def _cores_of_worker(world_size: int) -> int:
    """Return this worker's share of the machine's cores."""
    local_workers = int(os.environ.get("LOCAL_WORLD_SIZE", world_size))  # set by process_group and torchrun
    return max(1, len(os.sched_getaffinity(0)) // local_workers)

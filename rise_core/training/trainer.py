"""Fine-tuning by reward-weighted regression: one worker's share of it, in plain PyTorch.

    result = train(spec, rank=0, world_size=1, report=print)

With several workers a torch process group must be up. Each takes an equal share of every global batch; gradients are
summed over them, so that any number of workers, rows and passes gives the gradient of the whole batch (see loss.py).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import torch
from torch import distributed

from rise.core.config.choices import Adapter
from rise.core.config.training_keys import Optim
from rise.core.errors import UserError
from rise.core.training.arrays import Rows
from rise.core.training.log import TrainLog
from rise.core.training.loss import weighted_loss
from rise.core.training.model import flat_rows, load_policy, save_policy, target_logits, trainable
from rise.core.training.packing import Batch, batches
from rise.core.training.schedule import global_batches, learning_rate, step_count
from rise.core.training.spec import TrainResult, TrainSpec

__all__ = ["TrainResult", "TrainSpec", "optimise", "train"]


def train(
    spec: TrainSpec, rank: int, world_size: int, report: Callable[[dict[str, Any]], None], device: str = "cpu"
) -> TrainResult:
    """Trains and saves; worker 0 alone writes files and reports. On the CPU the same spec gives the same bytes.

    `report` gets log entries at most once a second. Raises UserError for rows or weights that cannot be trained on
    and, naming the step, when the loss or the gradient stops being finite.
    """
    from rise.core.training.row_file import load_rows  # needs Arrow, which the rest of this module does without

    started = time.monotonic()
    rows = load_rows(spec.rows_path)
    torch.set_num_threads(spec.threads or shared_cores(world_size))
    torch.manual_seed(spec.seed)  # a fresh adapter is the same on every worker
    policy = load_policy(spec, torch.device(device))
    check_vocabulary(rows, policy, spec)
    torch.manual_seed(spec.seed + rank)  # dropout is not
    steps = step_count(len(rows), spec.optim)
    with TrainLog(spec.log_path if rank == 0 else None, steps, report if rank == 0 else ignore) as log:
        tokens = optimise(policy, rows, spec, log.add, rank, world_size)
    if rank == 0:
        save_policy(policy, spec)
    return TrainResult(
        out_dir=spec.out_dir,
        kind="full" if spec.adapter is Adapter.none else "adapter",
        steps=steps,
        tokens=tokens,
        seconds=time.monotonic() - started,
        log=log.entries,
    )


def optimise(
    policy: Any, rows: Rows, spec: TrainSpec, log: Callable[[dict[str, Any]], None], rank: int = 0, world_size: int = 1
) -> int:
    """Every optimiser step of the spec on a loaded policy; returns the sequence tokens of all workers, without padding.

    `log` gets an entry a step. Raises UserError as `train` does when something stops being finite.
    """
    optimizer = make_optimizer(trainable(policy), spec.optim)
    steps = step_count(len(rows), spec.optim)
    half = spec.dtype == "bfloat16"
    tokens = 0
    for step, (epoch, examples) in enumerate(global_batches(len(rows), spec.optim, spec.seed), start=1):
        mine = share(rows, examples, rank, world_size)
        passes = batches(rows, mine, spec.loss, spec.row_tokens, spec.micro_rows, flat=flat_rows(policy))
        loss = gradient(policy, passes, len(examples), half=half, world_size=world_size)
        rate = learning_rate(step, steps, spec.optim)
        update(policy, optimizer, rate, spec.optim, loss, step)
        tokens += int(rows.lengths[examples].sum())
        log({"step": step, "epoch": epoch, "loss": loss, "learning_rate": rate, "tokens": tokens})
    return tokens


def share(rows: Rows, examples: list[int], rank: int, world_size: int) -> list[int]:
    """A worker's examples of a global batch: every `world_size`-th by length, so that all have like work."""
    return sorted(examples, key=lambda index: (-rows.lengths[index], index))[rank::world_size]


def gradient(policy: Any, passes: Iterable[Batch], batch_examples: int, half: bool, world_size: int) -> float:
    """Puts the gradient of the global batch into the parameters' `.grad` and returns its loss, over all workers."""
    parameters = trainable(policy)
    device = parameters[0].device
    total = torch.zeros((), dtype=torch.float64, device=device)
    for batch in passes:
        mixed = torch.autocast("cuda", torch.bfloat16) if half and device.type == "cuda" else nullcontext()
        with mixed:
            moved = batch.to(device)
            loss = weighted_loss(target_logits(policy, moved), moved.targets, moved.scales, batch_examples)
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    if world_size > 1:
        # Summed by hand rather than by DistributedDataParallel, which averages over workers and needs the same number
        # of passes on each; here a worker may have fewer passes than another, or none.
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        pending = [distributed.all_reduce(p.grad, async_op=True) for p in parameters]
        pending.append(distributed.all_reduce(total, async_op=True))
        for reduction in pending:
            reduction.wait()
    return total.item()


def make_optimizer(parameters: list[torch.nn.Parameter], optim: Optim) -> torch.optim.AdamW:
    """AdamW; weight decay spares vectors (norms and biases)."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": optim.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=optim.learning_rate, fused=True)


def update(policy: Any, optimizer: torch.optim.Optimizer, rate: float, optim: Optim, loss: float, step: int) -> None:
    """One clipped optimiser step, or UserError naming the step when loss or gradient is not finite."""
    norm = torch.nn.utils.clip_grad_norm_(trainable(policy), optim.max_grad_norm or float("inf"), foreach=True)
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


def check_vocabulary(rows: Rows, policy: Any, spec: TrainSpec) -> None:
    """Refuses token ids that the model has no embedding for: on a GPU they end in an unreadable CUDA error."""
    size, largest = policy.get_input_embeddings().num_embeddings, int(rows.ids.max())
    if largest >= size:
        raise UserError(
            f"training rows {spec.rows_path}: token id {largest} is outside the vocabulary ({size} tokens) of the "
            f"model in {spec.weights_dir}; were the rows made with another tokenizer?"
        )


def shared_cores(world_size: int) -> int:
    """This worker's share of the machine's cores."""
    workers_here = int(os.environ.get("LOCAL_WORLD_SIZE", world_size))  # set by Ray Train and torchrun
    return max(1, len(os.sched_getaffinity(0)) // workers_here)


def ignore(_: dict[str, Any]) -> None:
    """Reports nothing."""

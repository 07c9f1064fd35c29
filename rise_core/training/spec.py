"""The input and the result of one fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rise_core.config.choices import Adapter, LossReduction
from rise_core.config.keys import Config
from rise_core.config.training_keys import Lora, Optim
from rise_core.records import Checkpoint
from rise_core.seeds import seed_of

ROWS_FILE = "rows.parquet"  # in a training's folder


@dataclass(frozen=True)
class TrainSpec:
    """One fine-tuning. Paths are absolute and visible to every worker."""

    rows_path: str  # Parquet file (row_file.py)
    weights_dir: str  # full weights to start from
    adapter_dir: str | None  # LoRA adapter to go on from; None: a fresh one
    adapter: Adapter
    lora: Lora
    loss: LossReduction
    optim: Optim
    row_tokens: int  # capacity of a packed row (packing.py)
    micro_rows: int  # packed rows in one forward pass
    dtype: str  # float32 or bfloat16: of the saved weights, and of the arithmetic on a GPU
    gradient_checkpointing: bool
    seed: int  # decides the order of examples, fresh adapters and dropout
    out_dir: str  # for the weights or the adapter; created where missing
    threads: int  # CPU threads of a worker; 0: the cores shared among the workers
    log_path: str  # JSON lines, one per optimiser step, written while training runs


def train_spec(config: Config, folder: Path, start: Checkpoint) -> TrainSpec:
    """Describe a fine-tuning of checkpoint `start`: rows, output and log lie in `folder`, whose name seeds it."""
    train = config.train
    return TrainSpec(
        rows_path=str(folder / ROWS_FILE),
        weights_dir=start.weights_dir,
        adapter_dir=start.adapter_dir if train.adapter is Adapter.lora else None,
        adapter=train.adapter,
        lora=train.lora,
        loss=train.loss,
        optim=train.optim,
        row_tokens=train.row_tokens,
        micro_rows=train.micro_rows,
        dtype=config.model.dtype,
        gradient_checkpointing=train.gradient_checkpointing,
        seed=seed_of(config.seed, "train", folder.name),
        out_dir=str(folder / "out"),
        threads=train.threads,
        log_path=str(folder / "log.jsonl"),
    )


@dataclass(frozen=True)
class TrainResult:
    """A finished fine-tuning."""

    out_dir: str
    kind: str  # "full" or "adapter"
    steps: int
    tokens: int  # sequence tokens over all epochs and workers, without padding
    seconds: float  # wall clock of the loop with loading and saving
    # An entry per optimiser step, thinned in long runs: step and epoch (from 1), loss (nats: the weighted objective),
    # learning_rate, tokens (so far).
    log: list[dict[str, Any]]

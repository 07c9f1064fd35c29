"""What one fine-tuning is given and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rise.core.config.choices import Adapter, LossReduction
from rise.core.config.keys import Config
from rise.core.config.training_keys import Lora, Optim
from rise.core.records import Checkpoint
from rise.core.seeds import seed_of

ROWS_FILE = "rows.parquet"  # in a training's folder


@dataclass(frozen=True)
class TrainSpec:
    """One fine-tuning. Paths are absolute and visible to every worker."""

    rows_path: str  # Parquet: ids list<int32>, mask list<bool>, weight double (see rows.py)
    weights_dir: str  # full weights to start from
    adapter_dir: str | None  # LoRA adapter to go on from; none: a fresh one
    adapter: Adapter
    lora: Lora
    loss: LossReduction
    optim: Optim
    row_tokens: int
    micro_rows: int
    dtype: str  # float32 or bfloat16
    gradient_checkpointing: bool
    seed: int
    out_dir: str  # gets the weights or the adapter; made if missing
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
    """A finished fine-tuning.

    `log` has entries of step (from 1), epoch (from 1), loss (nats, weighted: the objective), learning_rate and tokens
    (so far); one per optimiser step, thinned in long runs. `tokens` counts sequence tokens over all epochs and
    workers, without padding; `seconds` is the wall clock of the whole loop with loading and saving.
    """

    out_dir: str
    kind: str  # "full" or "adapter"
    steps: int
    tokens: int
    seconds: float
    log: list[dict[str, Any]]

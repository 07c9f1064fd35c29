"""What one fine-tuning is given and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rise.core.config.choices import Adapter, LossReduction
from rise.core.config.training_keys import Lora, Optim


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

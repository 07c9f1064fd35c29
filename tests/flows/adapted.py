"""A home with a run of a tiny Mistral: iteration 1 is a LoRA checkpoint, trained and published without Ray."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rise_core.config.choices import Adapter
from rise_core.config.keys import Config
from rise_core.config.load import load_config, to_yaml
from rise_core.models import folder
from rise_core.records import Problem, TrainRow
from rise_core.training.row_file import write_rows
from rise_core.training.spec import TrainSpec
from rise_core.training.trainer import train
from storage import checkpoints, problem_rows, runs
from storage.home import Home
from storage.lake import Lake
from storage.location import LakeLocation
from storage.publishing import Published, publish
from tests.flows.architectures import save_mistral

RUN = "adapted"
OVERRIDES = [
    "verify.verifier=exact", "train.adapter=lora", "train.lora.r=4", "train.gpus=0", "engine.gpus=0",
    "model.dtype=float32", "engine.max_model_len=256", "engine.kv_cache_gib=0.1", "engine.max_num_seqs=8",
    "collect.max_new_tokens=12", "eval.turns=3", "eval.temperature=1.0", "dialogue.window=2",
    "train.optim={learning_rate: 1e-2, epochs: 4, batch_size: 4}",
]  # fmt: skip


def make_home(path: Path) -> Path:
    """Make the home. The base model lies in a private folder, and no export may tell the path."""
    model = path.parent / "private-folder" / "model"
    save_mistral(model)
    files = [
        f"model.name={model}",
        *(f"problems.{split}={path.parent}/{split}-file.jsonl" for split in ("train", "eval")),
    ]
    config = load_config("mistral-7b-gsm8k", [*OVERRIDES, *files])
    home = Home(path)
    with Lake(LakeLocation.from_home(path)) as lake:
        runs.append(lake, RUN, "mistral-7b-gsm8k", to_yaml(config), {"python": "3.11", "torch": "2"}, goal=1)
        problem_rows.append(lake, RUN, [Problem("p1", "eval", "What is 1 + 2?", "3")])
        base = path / "building"
        folder.link(model, base)
        placed = publish(path, base)
        record(lake, 0, "full", None, placed)
        out = fine_tuned(config, path / placed.path, home.run_folder(RUN))
        record(lake, 1, "adapter", placed.checkpoint_id, publish(path, out))
    return path


def fine_tuned(config: Config, weights: Path, work: Path) -> Path:
    """Fine-tune with LoRA in the training loop. Returns: the folder of the adapter."""
    rows = [TrainRow([1, *range(20 + i, 40 + i)], [False] * 11 + [True] * 10, 1.0) for i in range(16)]
    write_rows(str(work / "rows.parquet"), rows)
    context = TrainSpec(
        rows_path=str(work / "rows.parquet"),
        weights_dir=str(weights),
        adapter_dir=None,
        adapter=Adapter.lora,
        lora=config.train.lora,
        loss=config.train.loss,
        optim=config.train.optim,
        row_tokens=256,
        micro_rows=1,
        dtype="float32",
        gradient_checkpointing=False,
        seed=0,
        out_dir=str(work / "out"),
        threads=1,
        log_path=str(work / "log.jsonl"),
    )
    (work / "out").mkdir()
    train(context, 0, 1, lambda _: None)
    return work / "out"


def record(lake: Lake, iteration: int, kind: str, base: str | None, placed: Published) -> None:
    row = checkpoints.CheckpointRecord(run=RUN, iteration=iteration, kind=kind, base_id=base, **asdict(placed))  # type: ignore[arg-type]
    checkpoints.append(lake, row)

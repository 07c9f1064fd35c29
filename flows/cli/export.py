"""`rise export`: a trained model as a folder that other programs load."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from rise.core.atomic import sync_file
from rise.core.errors import UserError
from rise.flows.cli.options import HomeOption, IterationOption, RunArgument, one_line_errors
from rise.flows.local.environment import use_home

if TYPE_CHECKING:
    from rise.core.method.metrics import Metric
    from rise.core.records import Checkpoint
    from rise.storage.checkpoints import CheckpointRecord
    from rise.storage.runs import RunRecord


def export(
    run: RunArgument,
    folder: Annotated[Path, typer.Argument(help="Where to write it: a new or an empty folder.")],
    iteration: IterationOption = None,
    home: HomeOption = None,
) -> None:
    """Write a checkpoint as one model folder: safetensors (LoRA merged), tokenizer, chat template and a model card.

    Plain transformers and `vllm serve` load it. Prints the folder.
    """
    use_home(home)
    with one_line_errors():
        out = check_target(folder)
        from rise.storage import checkpoints, metric_rows, runs
        from rise.storage.home import Home
        from rise.storage.lake import Lake

        place = Home.from_env()
        with Lake(place.lake, read_only=True) as lake:
            run_record = runs.get(lake, run)
            record = checkpoints.get(lake, run, iteration)
            checkpoint = checkpoints.open_checkpoint(place.path, lake, run, record.iteration)
            metrics = metric_rows.read(lake, run)
        from rise.flows.cli.stdout import claim_stdout

        results = claim_stdout()
        write_whole(run_record, record, checkpoint, metrics, out)
        print(out, file=results, flush=True)


def check_target(folder: Path) -> Path:
    """The folder's absolute path. Raises UserError where something lies there already."""
    out = folder.expanduser().resolve()
    if out.is_dir() and not any(out.iterdir()):
        return out
    if out.exists():
        what = "is not empty" if out.is_dir() else "is a file"
        raise UserError(f"{out} {what}: name a new or an empty folder")
    return out


def write_whole(
    run: RunRecord, record: CheckpointRecord, checkpoint: Checkpoint, metrics: list[tuple[int, Metric]], out: Path
) -> None:
    """Build the folder beside its place, then move it there: it is there whole or not at all."""
    from rise.core.config.load import from_yaml
    from rise.core.models import export as models
    from rise.core.models.card import Exported, model_card
    from rise.storage.publishing import hash_files

    built = out.parent / f".{out.name}-{uuid4().hex[:8]}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        models.export(
            Path(checkpoint.weights_dir), Path(checkpoint.adapter_dir) if checkpoint.adapter_dir else None, built
        )
        files = hash_files(built)
        config = from_yaml(run.config)
        about = Exported(run.run, record.iteration, record.checkpoint_id, config, run.versions, metrics, files)
        (built / "README.md").write_text(model_card(about), encoding="utf-8")
        for name in (*files, "README.md"):
            sync_file(built / name)
        built.rename(out)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(built, ignore_errors=True)

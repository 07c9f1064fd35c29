"""`rise export`: a checkpoint as a model folder for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.messages import one_line_errors
from flows.cli.options import HomeOption, IterationOption, RunArgument
from flows.local.environment import use_home
from rise_core.errors import UserError

if TYPE_CHECKING:
    from rise_core.records import Checkpoint, Metric
    from storage.runs import RunRecord


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
        out = _check_target(folder)  # before the slow part: hashing and merging weights
        from storage import checkpoints, metric_rows, runs
        from storage.home import Home
        from storage.lake import Lake

        root = Home.from_env()
        with Lake(root.lake, read_only=True) as lake:
            record = runs.get(lake, run)
            number = checkpoints.get(lake, run, iteration).iteration
            checkpoint = checkpoints.open_checkpoint(root.path, lake, run, number)
            metrics = metric_rows.read(lake, run)
        from flows.cli.stdout import claim_stdout

        results = claim_stdout()  # libraries print while weights are merged
        _write_model(record, number, checkpoint, metrics, out)
        print(out, file=results, flush=True)


def _check_target(folder: Path) -> Path:
    """Return the folder's absolute path.

    Raises:
        UserError: The folder has content, or is a file.
    """
    out = folder.expanduser().resolve()
    if out.is_dir() and not any(out.iterdir()):
        return out
    if out.exists():
        reason = "is not empty" if out.is_dir() else "is a file"
        raise UserError(f"{out} {reason}: name a new or an empty folder")
    return out


def _write_model(
    run: RunRecord, iteration: int, checkpoint: Checkpoint, metrics: list[tuple[int, Metric]], out: Path
) -> None:
    """Write the model folder with its card, whole or not at all."""
    from rise_core.atomic import atomic_folder, check_writes
    from rise_core.config.load import from_yaml
    from rise_core.models import export as models
    from rise_core.models.card import Exported, model_card
    from storage.publishing import hash_files

    config = from_yaml(run.config)
    adapter = Path(checkpoint.adapter_dir) if checkpoint.adapter_dir else None
    with check_writes(out, "name another folder"), atomic_folder(out) as part:
        models.export(Path(checkpoint.weights_dir), adapter, part)
        files = hash_files(part)
        card = Exported(run.run, iteration, checkpoint.checkpoint_id, config, run.versions, metrics, files)
        (part / "README.md").write_text(model_card(card), encoding="utf-8")

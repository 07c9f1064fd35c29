"""Export of a checkpoint as a model folder that plain transformers and `vllm serve` load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from rise_core.models import folder


def export(weights: Path, adapter: Path | None, out: Path) -> None:
    """Write full weights (safetensors), tokenizer, chat template and generation settings into a new folder.

    Args:
        weights: Folder of full weights, copied unchanged where there is no adapter.
        adapter: Folder of a LoRA adapter; merged into the weights, in their dtype.
        out: The new folder. The caller writes into a temporary one (`rise_core.atomic`), which holds the card too.
    """
    out.mkdir(parents=True)
    if adapter is None:
        for name in ("config.json", *(file.name for file in weights.glob("*.safetensors*"))):
            shutil.copyfile(weights / name, out / name)
    else:
        _merge(weights, adapter).save_pretrained(out)
    folder.copy_companions(weights, out)
    settings = generation_settings(weights)
    (out / "generation_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def generation_settings(weights: Path) -> dict[str, Any]:
    """Return the model's own generation settings with every end-of-turn token. A plain `generate` stops there."""
    tokenizer = folder.load_tokenizer(weights)
    path = weights / "generation_config.json"
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    settings["eos_token_id"] = list(folder.stop_token_ids(weights, tokenizer))
    if settings.get("pad_token_id") is None:
        pad = tokenizer.pad_token_id
        settings["pad_token_id"] = settings["eos_token_id"][0] if pad is None else pad
    return settings


def _merge(weights: Path, adapter: Path) -> Any:
    """Return the transformers model with the adapter's update added to the weights (peft's merge_and_unload)."""
    from peft import PeftModel  # torch and peft take seconds to import; an export without adapter needs neither
    from transformers import AutoModelForCausalLM, GenerationConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    base = AutoModelForCausalLM.from_pretrained(str(weights), dtype="auto", local_files_only=True, use_safetensors=True)
    model = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()
    # `export` writes the settings itself: published ones (Llama 2) hold values that transformers refuses to save.
    model.generation_config = GenerationConfig()
    return model

"""A checkpoint as a model folder that stands alone: plain transformers and `vllm serve` load it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from rise.core.models import folder


def export(weights: Path, adapter: Path | None, out: Path) -> None:
    """Write whole weights (safetensors), tokenizer, chat template and generation settings into folder `out`.

    Full weights are copied as they are; an adapter is merged into them, in their dtype.
    """
    out.mkdir(parents=True)
    if adapter is None:
        for name in ("config.json", *(file.name for file in weights.glob("*.safetensors*"))):
            shutil.copyfile(weights / name, out / name)
    else:
        merged(weights, adapter).save_pretrained(out)
    folder.copy_companions(weights, out)
    settings = generation_settings(weights)
    (out / "generation_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def merged(weights: Path, adapter: Path) -> Any:
    """The transformers model with the adapter's update added to its weights (peft's merge_and_unload)."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, GenerationConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    base = AutoModelForCausalLM.from_pretrained(str(weights), dtype="auto", local_files_only=True, use_safetensors=True)
    model = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()
    # Written below instead; published ones (Llama 2) hold settings that transformers refuses to save.
    model.generation_config = GenerationConfig()
    return model


def generation_settings(weights: Path) -> dict[str, Any]:
    """The model's own generation settings, and every token that ends a turn, so that a plain `generate` stops there."""
    tokenizer = folder.load_tokenizer(weights)
    path = weights / "generation_config.json"
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    settings["eos_token_id"] = list(folder.stop_token_ids(weights, tokenizer))
    if settings.get("pad_token_id") is None:
        pad = tokenizer.pad_token_id
        settings["pad_token_id"] = settings["eos_token_id"][0] if pad is None else pad
    return settings

"""The model in training: load with or without LoRA, compute logits at the loss positions, save."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.utils import is_flash_attn_2_available
from transformers.utils.logging import disable_progress_bar

from rise_core.config.choices import Adapter
from rise_core.errors import UserError
from rise_core.text import first_line
from rise_core.training.packing import Batch
from rise_core.training.spec import TrainSpec


def load_model(spec: TrainSpec, device: torch.device) -> Any:
    """Load the spec's model on a device, in training mode.

    Trained weights are float32 whatever `spec.dtype` is: bfloat16 would round small updates away. Only a GPU holds the
    frozen base under LoRA in bfloat16.

    Returns:
        A transformers causal LM, wrapped by peft under LoRA.

    Raises:
        UserError: A folder of the spec cannot be loaded.
    """
    on_gpu = device.type == "cuda"
    half = on_gpu and spec.dtype == "bfloat16"
    frozen = spec.adapter is Adapter.lora
    disable_progress_bar()
    for folder, file in ((spec.weights_dir, "config.json"), (spec.adapter_dir, "adapter_config.json")):
        if folder is not None and not Path(folder, file).is_file():
            raise UserError(f"{folder} cannot be loaded for training: it has no {file}")
    try:
        base = AutoModelForCausalLM.from_pretrained(
            spec.weights_dir,
            dtype=torch.bfloat16 if half and frozen else torch.float32,
            attn_implementation="flash_attention_2" if half and is_flash_attn_2_available() else "sdpa",
            local_files_only=True,
            use_safetensors=True,
        )
        model = with_lora(base, spec) if frozen else base
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(
            f"model in {spec.adapter_dir or spec.weights_dir} cannot be loaded for training: {first_line(error)}"
        ) from error
    try:
        base.generation_config.validate(strict=True)
    except ValueError:
        # Published models (Llama 2) carry generation settings that transformers reads but refuses to save, after hours
        # of training. Sampling in this project never uses them.
        base.generation_config = GenerationConfig.from_model_config(base.config)
    if spec.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.to(device).train()


def with_lora(base: Any, spec: TrainSpec) -> Any:
    """Wrap a base model with the spec's earlier adapter, or with a fresh one. A fresh one changes no output."""
    if spec.adapter_dir is not None:
        return PeftModel.from_pretrained(base, spec.adapter_dir, is_trainable=True)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=spec.lora.r,
        lora_alpha=spec.lora.alpha,
        lora_dropout=spec.lora.dropout,
        target_modules=list(spec.lora.targets) or "all-linear",
    )
    return get_peft_model(base, config)


def trainable(model: Any) -> list[torch.nn.Parameter]:
    """List the trained parameters in a fixed order."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def needs_flat_rows(model: Any) -> bool:
    """Whether a batch must be one long row: flash attention looks for packed sequences nowhere else."""
    return str(model.config._attn_implementation).startswith("flash")


def target_logits(model: Any, batch: Batch) -> torch.Tensor:
    """Compute the logits [n, vocab] at the batch's source positions only. All positions would fill the memory.

    The output layer gets the hidden states of these positions inside the model's own forward pass. Whatever the model
    does to its logits (Gemma's soft cap, Granite's scale) is done here too.
    """

    def keep_sources(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (inputs[0].flatten(0, 1).index_select(0, batch.sources),)

    hook = model.get_output_embeddings().register_forward_pre_hook(keep_sources)
    try:
        output = model(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False)
    finally:
        hook.remove()
    logits: torch.Tensor = output.logits
    return logits


def save_model(model: Any, spec: TrainSpec) -> None:
    """Write safetensors and JSON into `spec.out_dir`: the adapter under LoRA, else the whole model in `spec.dtype`.

    The same training always writes the same bytes, without any path of this machine. `spec.out_dir` is scratch space
    of one training: `storage.checkpoints` publishes a finished folder by one rename.
    """
    out = Path(spec.out_dir)
    if spec.adapter is Adapter.none:
        model.to(getattr(torch, spec.dtype)).save_pretrained(out)
        return
    # "auto" would look for the base model on the Hub to learn whether its vocabulary was resized.
    model.save_pretrained(out, save_embedding_layers=False)
    (out / "README.md").unlink(missing_ok=True)
    path = out / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = Path(spec.weights_dir).name
    config["target_modules"] = sorted(config["target_modules"])  # peft writes a set, in any order
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")

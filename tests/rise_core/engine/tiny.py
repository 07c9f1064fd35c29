"""Tiny models with random weights, their greedy answers by transformers, and requests for both.

Torch is imported in the functions: the fast tests of this folder need none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rise_core.config.engine_keys import Engine
from rise_core.records import Completion, SamplingSettings

VOCABULARY = 100
CONTEXT = 128
LORA_RANK = 4
# A cache for about 50 of the longest sequences: long batches make the engine preempt requests.
CONFIG = Engine(max_model_len=CONTEXT, kv_cache_gib=0.01, threads=1, start_timeout=300, timeout=120)
GREEDY = SamplingSettings(temperature=0.0, top_p=1.0, max_new_tokens=24, stop_token_ids=())
RANDOM = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=12, stop_token_ids=())


def make_model(folder: Path, seed: int, heads: int = 2, tied: bool = False) -> str:
    """Save a Llama of 0.2M parameters; large weights make its greedy answers long and varied.

    Args:
        tied: Share the embeddings' weights with the output layer.

    Returns:
        The folder.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

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
    """Save a LoRA adapter on every linear layer; the second matrix is random too, so that answers change."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(r=LORA_RANK, lora_alpha=8, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(LlamaForCausalLM.from_pretrained(weights_dir), config).save_pretrained(folder)
    return str(folder)


def greedy(weights_dir: str, prompt_ids: list[int], tokens: int, adapter_dir: str | None = None) -> list[int]:
    """Sample the likeliest next token, `tokens` times, by transformers (and peft)."""
    import torch
    from peft import PeftModel
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(weights_dir, dtype=torch.float32)
    if adapter_dir:
        model = PeftModel.from_pretrained(model, adapter_dir)
    model.eval()
    ids = list(prompt_ids)
    with torch.no_grad():
        for _ in range(tokens):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt_ids) :]


def random_prompt(seed: int, length: int = 40) -> list[int]:
    """Draw the token ids of a prompt."""
    return [int(token) for token in np.random.default_rng(seed).integers(0, VOCABULARY, length)]


def token_ids(completions: Sequence[Sequence[Completion]]) -> list[list[list[int]]]:
    """Return the token ids of completions [requests][n]."""
    return [[completion.token_ids for completion in several] for several in completions]

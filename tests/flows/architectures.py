"""Small random-weight models of the shipped profiles' architectures, with their chat formats."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
# Each model's documented format: Llama 2 opens every round with <s> and strips texts, Mistral opens the chat only and
# knows no system role.
LLAMA2 = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token }}[INST] {{ m.content.strip() }} [/INST]"
    "{% else %} {{ m.content.strip() }} {{ eos_token }}{% endif %}{% endfor %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% elif m.role == 'assistant' %}{{ m.content }}{{ eos_token }}"
    "{% else %}{{ raise_exception('no system role') }}{% endif %}{% endfor %}"
)


def tokenizer(template: str) -> PreTrainedTokenizerFast:
    core = Tokenizer(models.BPE(unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(["What is 1 + 2? The answer is 3. Please try again."], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>", chat_template=template
    )


def save_llama2(folder: Path) -> None:
    """Llama 2 chat: as many key-value heads as heads."""
    save(LlamaForCausalLM, LlamaConfig, LLAMA2, folder, num_key_value_heads=2)


def save_mistral(folder: Path) -> None:
    """Mistral Instruct: grouped-query attention, no sliding window (v0.2)."""
    save(MistralForCausalLM, MistralConfig, MISTRAL, folder, num_key_value_heads=1, sliding_window=None)


def save(model: Any, config: Any, template: str, folder: Path, **more: Any) -> None:
    words = tokenizer(template)
    torch.manual_seed(0)
    model(config(vocab_size=len(words), **SHAPE, **more)).save_pretrained(folder)
    words.save_pretrained(folder)

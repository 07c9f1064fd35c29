"""A tiny Llama made from nothing: one token per word, weights from the run's seed. The boost stage teaches it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rise.core.config.keys import Config
from rise.core.errors import UserError
from rise.core.seeds import seed_of

UNKNOWN, PAD, USER, ASSISTANT, END = "<unk>", "<pad>", "<user>", "<assistant>", "<end>"
MOST_WORDS = 8192
HEAD_SIZE = 32  # the smallest attention head of vLLM's CPU engine; its multiples work too
WORD = re.compile(r"\w+|[^\w\s]+")  # as the tokenizer's own Whitespace splitter does

CHAT_TEMPLATE = (
    "{% for m in messages %}"
    f"{{% if m.role == 'assistant' %}}{{{{ m.content }}}}{END}"
    f"{{% else %}}{USER} {{{{ m.content }}}} {ASSISTANT} {{% endif %}}"
    "{% endfor %}"
)


def check(config: Config) -> None:
    """A model made from scratch knows nothing: without a boost there is nothing to improve."""
    shape = config.model.scratch
    if config.boost.problems < 1:
        raise UserError("config: model.name=scratch needs boost.problems of at least 1: a new model knows nothing")
    if shape.hidden_size % (HEAD_SIZE * shape.heads):
        raise UserError(
            f"config: model.scratch.hidden_size={shape.hidden_size} must be a multiple of {HEAD_SIZE} times "
            f"model.scratch.heads={shape.heads}"
        )
    if config.engine.max_model_len > shape.context:
        raise UserError(
            f"config: engine.max_model_len={config.engine.max_model_len} exceeds model.scratch.context={shape.context}"
        )


def build(config: Config, texts: Iterable[str], out: Path) -> None:
    """Save a tokenizer over the words of `texts` and a randomly initialised Llama of `model.scratch`'s shape."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer(texts, config.model.scratch.context)
    shape = config.model.scratch
    llama = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed_of(config.seed, "scratch"))
    model = LlamaForCausalLM(llama)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def make_tokenizer(texts: Iterable[str], context: int) -> Any:
    """A word-level tokenizer: the commonest words of `texts`, in an order that depends on nothing else."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    counts = Counter(word for text in texts for word in WORD.findall(text))
    words = sorted(counts, key=lambda word: (-counts[word], word))[:MOST_WORDS]
    special = [UNKNOWN, PAD, USER, ASSISTANT, END]
    vocab = {word: number for number, word in enumerate([*special, *words])}
    core = Tokenizer(models.WordLevel(vocab, unk_token=UNKNOWN))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token=UNKNOWN,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )

"""A tiny Llama from scratch: one token per word, random weights from the run's seed. The boost teaches the model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.seeds import seed_of

_UNKNOWN, _PAD, _USER, _ASSISTANT, _END = "<unk>", "<pad>", "<user>", "<assistant>", "<end>"
_MOST_WORDS = 8192
_HEAD_SIZE = 32  # the smallest attention head of vLLM's CPU engine, which takes multiples too
_WORD = re.compile(r"\w+|[^\w\s]+")  # splits like the Whitespace pre-tokenizer

_CHAT_TEMPLATE = (
    "{% for m in messages %}"
    f"{{% if m.role == 'assistant' %}}{{{{ m.content }}}}{_END}"
    f"{{% else %}}{_USER} {{{{ m.content }}}} {_ASSISTANT} {{% endif %}}"
    "{% endfor %}"
)


def check_scratch(config: Config) -> None:
    """Raise UserError for a shape that vLLM cannot serve, or for a missing boost: a new model knows nothing."""
    shape = config.model.scratch
    if config.boost.problems < 1:
        raise UserError("config: model.name=scratch needs boost.problems of at least 1: a new model knows nothing")
    if shape.hidden_size % (_HEAD_SIZE * shape.heads):
        raise UserError(
            f"config: model.scratch.hidden_size={shape.hidden_size} must be a multiple of {_HEAD_SIZE} times "
            f"model.scratch.heads={shape.heads}"
        )
    if config.engine.max_model_len > shape.context:
        raise UserError(
            f"config: engine.max_model_len={config.engine.max_model_len} exceeds model.scratch.context={shape.context}"
        )


def build(config: Config, texts: Iterable[str], out: Path) -> None:
    """Write a tokenizer over the words of `texts`, and a random Llama, into folder `out`."""
    import torch  # seconds to import; `check_scratch` runs before any engine starts
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
    """Build a word-level tokenizer of the commonest words of `texts`.

    The vocabulary depends on the counts of the words alone, not on the order of the texts.

    Args:
        context: The model's context in tokens.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    counts = Counter(word for text in texts for word in _WORD.findall(text))
    words = sorted(counts, key=lambda word: (-counts[word], word))[:_MOST_WORDS]
    special = [_UNKNOWN, _PAD, _USER, _ASSISTANT, _END]
    vocab = {word: number for number, word in enumerate([*special, *words])}
    core = Tokenizer(models.WordLevel(vocab, unk_token=_UNKNOWN))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token=_UNKNOWN,
        pad_token=_PAD,
        eos_token=_END,
        additional_special_tokens=[_USER, _ASSISTANT],
        chat_template=_CHAT_TEMPLATE,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )

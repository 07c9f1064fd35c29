"""Tiny random models and rows that the training tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM

from rise_core.config.choices import Adapter, LossReduction
from rise_core.config.training_keys import Lora, Optim
from rise_core.records import TrainRow
from rise_core.training.row_file import write_rows
from rise_core.training.spec import TrainSpec

SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,  # wide, so that a wrong mask or position changes the loss visibly
}


def make_model(family: str) -> Any:
    torch.manual_seed(7)
    if family == "llama":
        return LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=True))
    if family == "mistral":
        return MistralForCausalLM(MistralConfig(**SIZES, sliding_window=5, tie_word_embeddings=False))
    return Qwen2ForCausalLM(Qwen2Config(**SIZES, tie_word_embeddings=False))


def make_rows(count: int, seed: int = 0) -> list[TrainRow]:
    """Rows of 3 to 30 tokens; the loss covers their last tokens, in every fourth row a second span too."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        length = int(random.integers(3, 31))
        response = int(random.integers(1, length))
        mask = [position >= length - response for position in range(length)]
        mask[1] = mask[1] or number % 4 == 0
        weight = float(random.choice([12.182, 1.0, 0.082]))
        rows.append(TrainRow(random.integers(0, 50, length).tolist(), mask, weight))
    return rows


@pytest.fixture
def rows() -> list[TrainRow]:
    return make_rows(13)


@pytest.fixture
def spec(tmp_path: Path, rows: list[TrainRow]) -> TrainSpec:
    """A small full fine-tuning of a tiny Llama with tied embeddings."""
    make_model("llama").save_pretrained(tmp_path / "model")
    write_rows(tmp_path / "rows.parquet", rows)
    return TrainSpec(
        rows_path=str(tmp_path / "rows.parquet"),
        weights_dir=str(tmp_path / "model"),
        adapter_dir=None,
        adapter=Adapter.none,
        lora=Lora(r=4, alpha=8),
        loss=LossReduction.token_mean,
        optim=Optim(learning_rate=1e-2, epochs=3, batch_size=5),
        row_tokens=64,
        micro_rows=2,
        dtype="float32",
        gradient_checkpointing=False,
        seed=3,
        out_dir=str(tmp_path / "out"),
        threads=1,
        log_path=str(tmp_path / "log.jsonl"),
    )

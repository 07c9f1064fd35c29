"""Rows of the training benchmarks: lengths of RISE's examples, rendered as the product does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rise_core.config.choices import LossReduction, Schedule
from rise_core.config.keys import Config
from rise_core.config.training_keys import Optim
from rise_core.method.dialogue import solution_ids, state_ids
from rise_core.models import build, folder
from rise_core.problems import load_problems
from rise_core.records import TrainRow
from rise_core.training.row_file import write_rows
from rise_core.training.spec import TrainSpec

REVISIONS = 0.6  # share of the examples that answer a later turn's state
REWARDS = {1.0: 0.5, 0.0: 0.45, -1.0: 0.05}  # and how many examples have each


def prepare(config: Config, examples: int, batch: int, out: Path, threads: int) -> TrainSpec:
    """Build a model folder and describe a fine-tuning of all weights on `examples` rows, `batch` in a step."""
    problems = load_problems(config).train
    texts = [text for problem in problems for text in (problem.problem, problem.solution or problem.answer)]
    words = [config.dialogue.problem, config.dialogue.feedback]
    build(config, texts + words, out / "model")
    write_rows(out / "rows.parquet", make_rows(config, out / "model", examples))
    # A constant rate and no decay: another trainer does the same with the same setting.
    optim = Optim(learning_rate=1e-4, schedule=Schedule.constant, warmup=0.0, epochs=1, batch_size=batch)
    return TrainSpec(
        rows_path=str(out / "rows.parquet"),
        weights_dir=str(out / "model"),
        adapter_dir=None,
        adapter=config.train.adapter,
        lora=config.train.lora,
        loss=LossReduction.token_mean,
        optim=optim,
        row_tokens=config.train.row_tokens,
        micro_rows=config.train.micro_rows,
        dtype="float32",
        gradient_checkpointing=False,
        seed=0,
        out_dir=str(out / "out"),
        threads=threads,
        log_path=str(out / "log.jsonl"),
    )


def make_rows(config: Config, model: Path, count: int) -> list[TrainRow]:
    """Draw `count` examples of problems in random order, 60% of them revisions with earlier attempts in the state.

    The turn is drawn from the profile's plan, its window kept. Attempts and responses are worked solutions of other
    problems, so lengths vary as a trained model's do.
    """
    random = np.random.default_rng(0)
    tokenizer = folder.load_tokenizer(model)
    problems = load_problems(config).train
    texts = [problem.solution or problem.answer for problem in problems]
    weights = [float(np.exp(reward / config.train.tau)) for reward in REWARDS]
    rows: list[TrainRow] = []
    for index in random.integers(0, len(problems), count * 2).tolist():
        earlier = int(random.integers(1, len(config.collect.turns))) if random.random() < REVISIONS else 0
        attempts = [texts[random.integers(len(texts))] for _ in range(earlier)]
        state = state_ids(tokenizer, problems[index].problem, attempts, config.dialogue)
        response = solution_ids(tokenizer, texts[random.integers(len(texts))])
        if len(state) + len(response) <= config.engine.max_model_len and len(rows) < count:
            mask = [False] * len(state) + [True] * len(response)
            rows.append(TrainRow(state + response, mask, float(random.choice(weights, p=list(REWARDS.values())))))
    return rows

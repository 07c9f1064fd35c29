"""What a config must hold to be able to work, beyond the types of its keys."""

from __future__ import annotations

from rise_core.config import Config, PolicyKind
from rise_core.errors import UserError


def check(config: Config) -> None:
    """Refuse values that cannot work, before anything is started."""
    turns = config.collect.turns
    rules = [
        (len(turns) >= 1, "collect.turns", "needs at least one turn"),
        (all(turn.n >= 1 for turn in turns), "collect.turns", "needs n >= 1 at every turn"),
        (all(turn.n == 1 for turn in turns[:-1]), "collect.turns", "may have n > 1 at the last turn only"),
        (
            all(turn.policy is PolicyKind.learner for turn in turns),
            "collect.turns",
            "has a teacher turn, which needs a teacher endpoint; this version samples from the learner only",
        ),
        (config.dialogue.window >= 1, "dialogue.window", "must be at least 1"),
        ("{problem}" in config.dialogue.problem, "dialogue.problem", "must contain {problem}"),
        (config.train.tau > 0, "train.tau", "must be above 0"),
        (config.model.dtype in ("float32", "bfloat16"), "model.dtype", "must be float32 or bfloat16"),
        (config.collect.top_p > 0, "collect.top_p", "must be above 0"),
        (config.eval.top_p > 0, "eval.top_p", "must be above 0"),
        (config.verify.timeout > 0, "verify.timeout", "must be above 0"),
        (config.train.optim.learning_rate > 0, "train.optim.learning_rate", "must be above 0"),
        (config.boost.optim.learning_rate > 0, "boost.optim.learning_rate", "must be above 0"),
        (
            config.collect.max_new_tokens < config.engine.max_model_len,
            "collect.max_new_tokens",
            "must be below engine.max_model_len",
        ),
        (config.iterations >= 0, "iterations", "must be at least 0"),
        (config.eval.bootstrap >= 100, "eval.bootstrap", "must be at least 100"),
    ]
    rules += [(value >= 1, name, "must be at least 1") for name, value in positive_counts(config).items()]
    rules += [(0 <= value <= 1, name, "must lie between 0 and 1") for name, value in shares(config).items()]
    rules += [(value >= 0, name, "must not be negative") for name, value in temperatures(config).items()]
    for holds, name, complaint in rules:
        if not holds:
            raise UserError(f"config: {name} {complaint}")


def positive_counts(config: Config) -> dict[str, float]:
    counts: dict[str, float | None] = {
        "collect.problems": config.collect.problems,
        "collect.shard_size": config.collect.shard_size,
        "collect.max_new_tokens": config.collect.max_new_tokens,
        "problems.train_size": config.problems.train_size,
        "problems.eval_size": config.problems.eval_size,
        "eval.turns": config.eval.turns,
        "eval.samples": config.eval.samples,
        "engine.replicas": config.engine.replicas,
        "engine.in_flight": config.engine.in_flight,
        "train.workers": config.train.workers,
        "train.optim.epochs": config.train.optim.epochs,
        "train.optim.batch_size": config.train.optim.batch_size,
        "train.row_tokens": config.train.row_tokens,
        "train.micro_rows": config.train.micro_rows,
        "train.lora.r": config.train.lora.r,
        "boost.per_sequence": config.boost.per_sequence,
        "boost.optim.epochs": config.boost.optim.epochs,
        "boost.optim.batch_size": config.boost.optim.batch_size,
        "engine.max_num_seqs": config.engine.max_num_seqs,
        "engine.block_size": config.engine.block_size,
        "verify.workers": config.verify.workers,
    }
    return {name: value for name, value in counts.items() if value is not None}


def shares(config: Config) -> dict[str, float]:
    return {
        "select.first_turn.correct": config.select.first_turn.correct,
        "select.first_turn.wrong": config.select.first_turn.wrong,
        "collect.top_p": config.collect.top_p,
        "eval.top_p": config.eval.top_p,
    }


def temperatures(config: Config) -> dict[str, float]:
    return {"collect.temperature": config.collect.temperature, "eval.temperature": config.eval.temperature}

"""The bounds of a config's numbers."""

from __future__ import annotations

from operator import attrgetter

from rise.core.config.keys import Config

Rule = tuple[bool, str, str]  # whether it holds, the key, the complaint

AT_LEAST_ONE = [
    "model.scratch.hidden_size",
    "model.scratch.intermediate_size",
    "model.scratch.layers",
    "model.scratch.heads",
    "model.scratch.context",
    "problems.train_size",
    "problems.eval_size",
    "verify.workers",
    "boost.per_sequence",
    "collect.problems",
    "collect.shard_size",
    "collect.max_new_tokens",
    "eval.turns",
    "eval.samples",
    "train.workers",
    "train.row_tokens",
    "train.micro_rows",
    "train.lora.r",
    "train.optim.epochs",
    "train.optim.batch_size",
    "boost.optim.epochs",
    "boost.optim.batch_size",
    "engine.replicas",
    "engine.in_flight",
    "engine.max_num_seqs",
    "engine.block_size",
]
ABOVE_ZERO = [
    "collect.top_p",
    "eval.top_p",
    "verify.timeout",
    "train.timeout",
    "train.optim.learning_rate",
    "boost.optim.learning_rate",
    "engine.kv_cache_gib",
    "engine.start_timeout",
    "engine.timeout",
    "teacher.engine.kv_cache_gib",
    "teacher.engine.start_timeout",
    "teacher.engine.timeout",
]
NOT_NEGATIVE = [
    "collect.temperature",
    "eval.temperature",
    "boost.problems",
    "train.gpus",
    "train.threads",
    "train.optim.max_grad_norm",
    "train.optim.weight_decay",
    "boost.optim.max_grad_norm",
    "boost.optim.weight_decay",
    "engine.gpus",
    "engine.threads",
    "teacher.engine.gpus",
    "teacher.engine.threads",
]
SHARES = [
    "select.first_turn.correct",
    "select.first_turn.wrong",
    "collect.top_p",
    "eval.top_p",
    "train.optim.warmup",
    "boost.optim.warmup",
    "train.lora.dropout",
    "engine.gpu_memory_utilization",
    "teacher.engine.gpu_memory_utilization",
]


def bounds(config: Config) -> list[Rule]:
    """A rule for every number that cannot be just any; None, where a key allows it, is within every bound."""

    def rules(names: list[str], complaint: str, least: float, most: float = float("inf")) -> list[Rule]:
        values = ((name, attrgetter(name)(config)) for name in names)
        return [(value is None or least <= value <= most, name, complaint) for name, value in values]

    return [
        *rules(AT_LEAST_ONE, "must be at least 1", 1),
        *[(attrgetter(name)(config) > 0, name, "must be above 0") for name in ABOVE_ZERO],
        *rules(NOT_NEGATIVE, "must not be negative", 0),
        *rules(SHARES, "must lie between 0 and 1", 0, 1),
    ]

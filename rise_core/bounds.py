"""The bounds of a config's numbers."""

from __future__ import annotations

from rise_core.config import Config

Rule = tuple[bool, str, str]  # whether it holds, the key, the complaint


def bounds(config: Config) -> list[Rule]:
    """A rule for every number that cannot be just any."""
    rules = [(value >= 1, name, "must be at least 1") for name, value in positive_counts(config).items()]
    rules += [(value > 0, name, "must be above 0") for name, value in above_zero(config).items()]
    rules += [(value >= 0, name, "must not be negative") for name, value in non_negative(config).items()]
    rules += [(0 <= value <= 1, name, "must lie between 0 and 1") for name, value in shares(config).items()]
    return rules


def positive_counts(config: Config) -> dict[str, float]:
    shape = config.model.scratch
    counts: dict[str, float | None] = {
        "model.scratch.hidden_size": shape.hidden_size,
        "model.scratch.intermediate_size": shape.intermediate_size,
        "model.scratch.layers": shape.layers,
        "model.scratch.heads": shape.heads,
        "model.scratch.context": shape.context,
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
        "train.optim.warmup": config.train.optim.warmup,
        "boost.optim.warmup": config.boost.optim.warmup,
        "train.lora.dropout": config.train.lora.dropout,
        "engine.gpu_memory_utilization": config.engine.gpu_memory_utilization,
        "teacher.engine.gpu_memory_utilization": config.teacher.engine.gpu_memory_utilization,
    }


def above_zero(config: Config) -> dict[str, float]:
    return {
        "collect.top_p": config.collect.top_p,
        "eval.top_p": config.eval.top_p,
        "verify.timeout": config.verify.timeout,
        "train.timeout": config.train.timeout,
        "train.optim.learning_rate": config.train.optim.learning_rate,
        "boost.optim.learning_rate": config.boost.optim.learning_rate,
        **engines(config, "kv_cache_gib", "start_timeout", "timeout"),
    }


def non_negative(config: Config) -> dict[str, float]:
    return {
        "collect.temperature": config.collect.temperature,
        "eval.temperature": config.eval.temperature,
        "boost.problems": config.boost.problems,
        "train.gpus": config.train.gpus,
        "train.threads": config.train.threads,
        "train.optim.max_grad_norm": config.train.optim.max_grad_norm,
        "boost.optim.max_grad_norm": config.boost.optim.max_grad_norm,
        "train.optim.weight_decay": config.train.optim.weight_decay,
        "boost.optim.weight_decay": config.boost.optim.weight_decay,
        **engines(config, "gpus", "threads"),
    }


def engines(config: Config, *names: str) -> dict[str, float]:
    """Keys of the learner's engines and of a local teacher's."""
    both = {"engine": config.engine, "teacher.engine": config.teacher.engine}
    return {f"{place}.{name}": getattr(engine, name) for place, engine in both.items() for name in names}

"""What a config must hold to be able to work, beyond the types of its keys."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from rise.core.config.bounds import Rule, bounds
from rise.core.config.choices import PolicyKind
from rise.core.config.engine_keys import OMITTABLE, Teacher
from rise.core.config.keys import Config
from rise.core.errors import UserError
from rise.core.method.weights import LARGEST_EXPONENT
from rise.core.verifiers import is_own

KEY_PLACE = re.compile(r"env:[A-Za-z_]\w*|block:[A-Za-z0-9][\w -]*")


def check(config: Config) -> None:
    """Refuse values that cannot work, before anything is started."""
    turns = config.collect.turns
    rules = [
        (len(turns) >= 1, "collect.turns", "needs at least one turn"),
        (all(turn.n >= 1 for turn in turns), "collect.turns", "needs n >= 1 at every turn"),
        (all(turn.n == 1 for turn in turns[:-1]), "collect.turns", "may have n > 1 at the last turn only"),
        (
            all(turn.n == 1 for turn in turns if turn.policy is PolicyKind.gold),
            "collect.turns",
            "has a gold turn with n > 1, but a problem has one worked solution",
        ),
        (config.dialogue.window >= 1, "dialogue.window", "must be at least 1"),
        ("{problem}" in config.dialogue.problem, "dialogue.problem", "must contain {problem}"),
        (config.train.tau > 0, "train.tau", "must be above 0"),
        (
            is_own(config.verify.verifier) or config.train.tau * LARGEST_EXPONENT[config.train.normalise] >= 1,
            "train.tau",
            f"must be at least {1 / LARGEST_EXPONENT[config.train.normalise]:.3g} under train.normalise="
            f"{config.train.normalise}, or exp(1 / tau), the weight of a right response, overflows",
        ),
        (config.model.dtype in ("float32", "bfloat16"), "model.dtype", "must be float32 or bfloat16"),
        (
            config.collect.max_new_tokens < config.engine.max_model_len,
            "collect.max_new_tokens",
            "must be below engine.max_model_len",
        ),
        (config.iterations >= 0, "iterations", "must be at least 0"),
        (config.eval.bootstrap >= 100, "eval.bootstrap", "must be at least 100"),
    ]
    rules += secrets(config.teacher)
    if config.collect.has_turn(PolicyKind.teacher):
        rules += teaching(config)
    rules += bounds(config)
    for holds, name, complaint in rules:
        if not holds:
            raise UserError(f"config: {name} {complaint}")


def secrets(teacher: Teacher) -> list[Rule]:
    """No secret may stand in a config, which is stored; the complaints do not repeat it."""
    place = address(teacher)
    return [
        (
            KEY_PLACE.fullmatch(teacher.api_key) is not None,
            "teacher.api_key",
            "must be env:VARIABLE or block:NAME (a Prefect Secret block), not the key itself, which would be stored",
        ),
        (
            "@" not in place.netloc and not place.query and not place.fragment,
            "teacher.base_url",
            "must hold no user name, password or query, which would be stored: teacher.api_key says where the key is",
        ),
    ]


def address(teacher: Teacher) -> SplitResult:
    try:
        return urlsplit(teacher.base_url or "")
    except ValueError as error:
        raise UserError("config: teacher.base_url must look like https://host/v1") from error


def teaching(config: Config) -> list[Rule]:
    """What a turn of policy `teacher` needs."""
    teacher, engine, place = config.teacher, config.teacher.engine, address(config.teacher)
    rules: list[Rule] = [
        (bool(teacher.model), "teacher.model", "is not set, but collect.turns has a teacher turn"),
        (teacher.retries >= 0, "teacher.retries", "must not be negative"),
        (teacher.timeout > 0, "teacher.timeout", "must be above 0"),
        (set(teacher.omit) <= set(OMITTABLE), "teacher.omit", f"may hold {', '.join(OMITTABLE)}, nothing else"),
    ]
    for name in ("concurrency", "max_requests", "max_tokens"):
        count = getattr(teacher, name)
        rules.append((count is None or count >= 1, f"teacher.{name}", "must be at least 1"))
    if teacher.base_url is not None:
        well_formed = place.scheme in ("http", "https") and bool(place.hostname)
        return [
            *rules,
            (well_formed, "teacher.base_url", "must look like https://host/v1"),
            (teacher.revision is None, "teacher.revision", "is set, but an endpoint (base_url) serves what it has"),
        ]
    budget = teacher.max_requests is None and teacher.max_tokens is None
    return [
        *rules,
        (teacher.model != "scratch", "teacher.model", "must not be scratch: a new model knows nothing"),
        (budget, "teacher", "has a budget (max_requests, max_tokens) but no endpoint (base_url) that it could be for"),
        (not teacher.omit, "teacher.omit", "is set, but there is no endpoint (base_url) that it could be for"),
        (engine.replicas >= 1, "teacher.engine.replicas", "must be at least 1"),
        (
            config.collect.max_new_tokens < engine.max_model_len,
            "teacher.engine.max_model_len",
            "must be above collect.max_new_tokens",
        ),
    ]

"""Rules across the keys of a config. Ranges of single keys are in `rise_core.config.keys`."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from rise_core.config.choices import PolicyKind
from rise_core.config.engine_keys import OMITTABLE, Teacher
from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.verifiers import is_own

_Rule = tuple[bool, str, str]  # whether the config keeps the rule, the key, the complaint

_KEY_PLACE = re.compile(r"env:[A-Za-z_]\w*|block:[A-Za-z0-9][\w -]*")


def check_config(config: Config) -> None:
    """Refuse an impossible config, before anything starts. Raises UserError for the first broken rule."""
    rules = [*_dialogue_and_turns(config), *_weights(config), *_secrets(config.teacher)]
    # A profile may describe a teacher for later use; only a teacher turn needs a complete description.
    if config.collect.has_turn(PolicyKind.teacher):
        rules += _teacher(config)
    for holds, key, complaint in rules:
        if not holds:
            raise UserError(f"config: {key} {complaint}")


def _dialogue_and_turns(config: Config) -> list[_Rule]:
    turns = config.collect.turns
    gold = [turn for turn in turns if turn.policy is PolicyKind.gold]
    return [
        ("{problem}" in config.dialogue.problem, "dialogue.problem", "must contain {problem}"),
        # The episode goes on from sample 0; further samples of an earlier turn would end there.
        (all(turn.n == 1 for turn in turns[:-1]), "collect.turns", "may have n > 1 at the last turn only"),
        (
            all(turn.n == 1 for turn in gold),
            "collect.turns",
            "has a gold turn with n > 1, but a problem has one worked solution: set n: 1",
        ),
        (  # at least one token must be left for the prompt
            config.collect.max_new_tokens < config.engine.max_model_len,
            "collect.max_new_tokens",
            f"must be below engine.max_model_len = {config.engine.max_model_len}, not {config.collect.max_new_tokens}",
        ),
    ]


def _weights(config: Config) -> list[_Rule]:
    """The weight of a right response, exp(1 / tau), must be finite. A user's own verifier may give smaller rewards."""
    normalise = config.train.normalise
    smallest = 1 / normalise.largest_exponent
    return [
        (
            is_own(config.verify.verifier) or config.train.tau >= smallest,
            "train.tau",
            f"must be at least {smallest:.3g} under train.normalise={normalise}, not {config.train.tau:g}, or "
            "exp(1 / tau), the weight of a right response, overflows",
        )
    ]


def _secrets(teacher: Teacher) -> list[_Rule]:
    """Keep secrets out of the stored config. The complaints do not repeat the value."""
    url = _endpoint(teacher)
    return [
        (
            _KEY_PLACE.fullmatch(teacher.api_key) is not None,
            "teacher.api_key",
            "must be env:VARIABLE or block:NAME (a Prefect Secret block), not the key itself, which would be stored",
        ),
        (
            "@" not in url.netloc and not url.query and not url.fragment,
            "teacher.base_url",
            "must hold no user name, password or query, which would be stored: teacher.api_key says where the key is",
        ),
    ]


def _endpoint(teacher: Teacher) -> SplitResult:
    try:
        return urlsplit(teacher.base_url or "")
    except ValueError:
        # urlsplit's own text repeats the address, which may hold a password: not chained.
        raise UserError("config: teacher.base_url must look like https://host/v1") from None


def _teacher(config: Config) -> list[_Rule]:
    """Rules for a turn of policy `teacher`."""
    teacher, engine, url = config.teacher, config.teacher.engine, _endpoint(config.teacher)
    rules: list[_Rule] = [
        (bool(teacher.model), "teacher.model", "is not set, but collect.turns has a teacher turn"),
        (set(teacher.omit) <= set(OMITTABLE), "teacher.omit", f"may hold {', '.join(OMITTABLE)}, nothing else"),
    ]
    if teacher.base_url is not None:
        well_formed = url.scheme in ("http", "https") and bool(url.hostname)
        return [
            *rules,
            (well_formed, "teacher.base_url", "must look like https://host/v1"),
            (teacher.revision is None, "teacher.revision", "is set, but an endpoint (base_url) serves its own model"),
        ]
    has_budget = teacher.max_requests is not None or teacher.max_tokens is not None
    return [
        *rules,
        (teacher.model != "scratch", "teacher.model", "must not be scratch: a new model knows nothing"),
        (
            not has_budget,
            "teacher",
            "has a budget (max_requests, max_tokens) but no endpoint (base_url) to spend it at",
        ),
        (not teacher.omit, "teacher.omit", "is set, but there is no endpoint (base_url) to omit parameters from"),
        (
            config.collect.max_new_tokens < engine.max_model_len,
            "teacher.engine.max_model_len",
            "must be above collect.max_new_tokens",
        ),
    ]

"""reasoning-gym generators by name: the library's own and ours, with their parameters checked."""

from __future__ import annotations

import difflib
from dataclasses import fields
from typing import Any

from reasoning_gym.factory import DATASETS, create_dataset

from rise.core.errors import UserError
from rise.core.generators import digit_chain, subset_sum
from rise.core.text import fold

OWN = (digit_chain.NAME, subset_sum.NAME)
REFUSED = {
    "codeio": "it executes the programs of its data set, which give other problems in every process",
    "composite": "it mixes other generators, which problems.params cannot hold",
}


def make_dataset(name: str | None, params: dict[str, Any], seed: int, size: int) -> Any:
    """The generator `name` with `params`: `size` items, item i mostly drawn with `seed + i`.
    Raises UserError naming the wrong key."""
    check_name(name)
    check_params(name, params)
    try:
        return create_dataset(name, seed=seed, size=size, **params)
    except Exception as error:  # generators check their parameters with whatever they like, mostly assert
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"config: problems.params does not suit generator {name}: {reason}") from error


def check_name(name: str | None) -> None:
    if not name:
        raise UserError("config: problems.name is not set; name a reasoning-gym generator, for example subset_sum")
    if name not in DATASETS:
        close = difflib.get_close_matches(name, DATASETS, n=5) or ["subset_sum", "chain_sum", "countdown"]
        raise UserError(f"config: problems.name: there is no generator {name!r}; did you mean {', '.join(close)}?")
    if name in REFUSED:
        raise UserError(f"config: generator {name} (problems.name) cannot be used: {REFUSED[name]}; choose another one")


def check_params(name: str | None, params: dict[str, Any]) -> None:
    known = [field.name for field in fields(DATASETS[name][1]) if field.name not in ("seed", "size")]
    for key in params:
        if key in ("seed", "size"):
            raise UserError(f"config: problems.params.{key} cannot be set; use problems.seed, train_size and eval_size")
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=3) or known
            raise UserError(
                f"config: problems.params.{key} is no parameter of {name}; did you mean {', '.join(close)}?"
            )


def identity(dataset: Any, entry: dict[str, Any]) -> str:
    """What decides whether two entries are the same problem: the generator's own rule, or else the question."""
    own = getattr(dataset, "identity", None)
    return str(own(entry)) if own else fold(entry["question"])


def worked(dataset: Any, entry: dict[str, Any]) -> str | None:
    """A worked solution: the generator's own, or else its answer; None where a family has no reference answer."""
    own = getattr(dataset, "worked", None)
    if own:
        return str(own(entry))
    return None if entry["answer"] is None else str(entry["answer"])

"""Finds a generator by name, the library's or this project's, and checks its parameters.

To add a generator, follow `digit_chain.py` and add its name to `OWN`.
"""

from __future__ import annotations

import difflib
from dataclasses import fields
from typing import Any

from reasoning_gym.factory import DATASETS, create_dataset

from rise_core.errors import UserError
from rise_core.generators import digit_chain, subset_sum
from rise_core.text import error_line, fold

OWN = (digit_chain.NAME, subset_sum.NAME)
_REFUSED = {
    "codeio": "it executes the programs of its data set, which give other problems in every process",
    "composite": "it mixes other generators, which problems.params cannot hold",
}


def make_dataset(name: str | None, params: dict[str, Any], seed: int, size: int) -> Any:
    """Create the data set of a generator, `size` entries. Most generators draw entry i with `seed + i`.

    Raises:
        UserError: The name or a parameter is wrong; the message names the config key.
    """
    check_generator(name, params)
    try:
        return create_dataset(name, seed=seed, size=size, **params)
    except Exception as error:  # no common type: most generators check their parameters by `assert`
        raise UserError(f"config: problems.params does not suit generator {name}: {error_line(error)}") from error


def check_generator(name: str | None, params: dict[str, Any]) -> None:
    """Check the config keys `problems.name` and `problems.params`.

    Raises:
        UserError: There is no such generator or parameter, or the generator cannot be used.
    """
    if not name:
        raise UserError("config: problems.name is not set; name a reasoning-gym generator, for example subset_sum")
    if name not in DATASETS:
        close = difflib.get_close_matches(name, DATASETS, n=5) or ["subset_sum", "chain_sum", "countdown"]
        raise UserError(f"config: problems.name: there is no generator {name!r}; did you mean {', '.join(close)}?")
    if name in _REFUSED:
        raise UserError(
            f"config: generator {name} (problems.name) cannot be used: {_REFUSED[name]}; choose another one"
        )
    known = [field.name for field in fields(DATASETS[name][1]) if field.name not in ("seed", "size")]
    for key in params:
        if key in ("seed", "size"):
            raise UserError(f"config: problems.params.{key} cannot be set; use problems.seed, train_size and eval_size")
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=3) or known
            raise UserError(
                f"config: problems.params.{key} is no parameter of {name}; did you mean {', '.join(close)}?"
            )


def identify(dataset: Any, entry: dict[str, Any]) -> str:
    """Return the text by which two entries count as the same problem.

    A generator may define `identity(entry)`; otherwise the folded question decides.
    """
    rule = getattr(dataset, "identity", None)
    return str(rule(entry)) if rule else fold(entry["question"])


def solve(dataset: Any, entry: dict[str, Any]) -> str | None:
    """Return the worked solution of an entry: the generator's `worked(entry)`, or else the gold answer.

    Returns:
        None where the generator has no gold answer.
    """
    rule = getattr(dataset, "worked", None)
    if rule:
        return str(rule(entry))
    return None if entry["answer"] is None else str(entry["answer"])

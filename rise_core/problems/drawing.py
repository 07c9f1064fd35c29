"""Draws distinct problems from a reasoning-gym generator, and splits them by hash.

Also a program. In a new process with fixed seeds, generators of the library draw the same problems every time:

    python -m rise_core.problems.drawing < config.yaml > problems.json
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from typing import Any

import numpy as np

from rise_core.config.keys import Config
from rise_core.config.load import from_yaml
from rise_core.errors import UserError
from rise_core.generators.registry import identify, make_dataset, solve
from rise_core.problems.entries import check_gradable, is_blank, read_entry, to_problem
from rise_core.problems.problem_set import ProblemSet
from rise_core.records import Problem

# One in five problems is held out, chosen by hash. A constant: no size and no seed moves a problem to the other split.
_EVAL_SHARE = 5
_BLOCK = 1000  # entries of one data set object: some generators prepare all their entries at once


def draw_problems(config: Config) -> ProblemSet:
    """Draw the problems of a config in this process.

    Raises:
        UserError: A config key is wrong, or the generator has too few distinct problems.
    """
    sizes = {split: _size(config, split) for split in ("train", "eval")}
    boost = max(config.boost.problems, 0)
    drawn = _draw_splits(config, {"train": sizes["train"] + boost, "eval": sizes["eval"]})
    for split, size in sizes.items():
        if len(drawn[split]) < size:
            raise UserError(
                f"config: problems.{split}_size is {size}, but generator {config.problems.name} has only "
                f"{len(drawn[split])} distinct {split} problems with these params; lower it or change problems.params"
            )
    train = drawn["train"][: sizes["train"]]
    # A scorer fails on the stored form of all entries or of none, so three of each split are enough.
    check_gradable(train[:3] + drawn["eval"][:3])
    return ProblemSet(train, drawn["eval"], _boost_problems(drawn["train"], sizes["train"], boost))


def main() -> None:
    """Read a config (YAML) on standard input; print its problems or an error (JSON)."""
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # prints of a generator go to standard error
    config = from_yaml(sys.stdin.read())
    seed = _dataset_seed(config)
    random.seed(seed)
    np.random.seed(seed)
    answer: dict[str, Any]
    try:
        answer = asdict(draw_problems(config))
    except UserError as error:
        answer = {"refused": str(error)}
    with results:
        json.dump(answer, results)


def _size(config: Config, split: str) -> int:
    size: int | None = getattr(config.problems, f"{split}_size")
    if size is None:
        raise UserError(f"config: problems.{split}_size is not set; a generator has no end, so say how many to draw")
    return size


def _draw_splits(config: Config, sizes: dict[str, int]) -> dict[str, list[Problem]]:
    """Draw distinct problems by index until both splits are full or only repetitions come."""
    drawn: dict[str, list[Problem]] = {split: [] for split in sizes}
    seen: set[bytes] = set()
    num_repeated = 0  # entries since the last new problem
    for dataset, index in _entries(config):
        if all(len(drawn[split]) >= sizes[split] for split in sizes):
            break
        # A generous limit: in a small family the last new problem comes only after many repetitions.
        if num_repeated > 1000 + 20 * len(seen):
            break
        entry = read_entry(dataset, config, index % _BLOCK)
        digest = hashlib.sha256(identify(dataset, entry).encode("utf-8", "surrogatepass")).digest()
        # The problem's own hash decides its split, the same in every run and with every seed.
        split = "eval" if int.from_bytes(digest[:8], "big") % _EVAL_SHARE == 0 else "train"
        num_repeated += 1
        if digest not in seen and len(drawn[split]) < sizes[split] and not is_blank(entry["answer"]):
            seen.add(digest)
            drawn[split].append(to_problem(entry, config, index, split, solve(dataset, entry)))
            num_repeated = 0
    return drawn


def _entries(config: Config) -> Iterator[tuple[Any, int]]:
    """Yield (data set, index) without end, one data set of `_BLOCK` entries after another."""
    first_seed = _dataset_seed(config)
    for block in count():
        dataset = make_dataset(config.problems.name, config.problems.params, first_seed + block * _BLOCK, _BLOCK)
        for index in range(block * _BLOCK, (block + 1) * _BLOCK):
            yield dataset, index


def _dataset_seed(config: Config) -> int:
    """Return the generator's seed, a hash. Entry i has this seed + i, so neighbouring seeds must lie far apart."""
    seed = config.seed if config.problems.seed is None else config.problems.seed
    return int.from_bytes(hashlib.sha256(f"problems/{seed}".encode()).digest()[:4], "big") >> 1


def _boost_problems(drawn: list[Problem], train_size: int, num_boost: int) -> list[Problem]:
    """Choose the worked problems for boosting: first problems beyond the training split, then training problems."""
    solved = [problem for problem in (*drawn[train_size:], *drawn[:train_size]) if problem.solution is not None]
    if len(solved) < num_boost:
        raise UserError(
            f"config: boost.problems is {num_boost}, but only {len(solved)} distinct problems with an answer can be "
            "drawn; lower it or change problems.params"
        )
    return solved[:num_boost]


if __name__ == "__main__":
    main()

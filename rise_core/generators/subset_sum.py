"""Subset sums, as a reasoning-gym generator: which `choose` of the given numbers sum to the target?

One choice does, and no other. Words and numbers stand apart: a word-level tokenizer gives every number one token.

    which three of 5 9 1 14 7 12 6 sum to 35 ?     →  9 12 14
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Any

from reasoning_gym.factory import DATASETS, ProceduralDataset, register_dataset

NAME = "subset_sum"
WORDS = {2: "two", 3: "three", 4: "four"}


@dataclass
class SubsetSumConfig:
    """`choose` of `count` distinct numbers from `low` to `high`."""

    choose: int = 2
    count: int = 6
    low: int = 1
    high: int = 30
    seed: int | None = None
    size: int = 500

    def validate(self) -> None:
        for name in ("choose", "count", "low", "high"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"{name} must be a whole number, not {value!r}")
        if self.choose not in WORDS:
            raise ValueError(f"choose must be {', '.join(map(str, WORDS))}, not {self.choose}")
        if self.count < self.choose:
            raise ValueError(f"count must be at least choose = {self.choose}, not {self.count}")
        if self.high - self.low + 1 < self.count:
            raise ValueError(f"low {self.low} to high {self.high} holds fewer than count = {self.count} numbers")


class SubsetSumDataset(ProceduralDataset):  # type: ignore[misc]  # reasoning-gym ships no types
    """Problem i is drawn with seed + i, like every reasoning-gym generator's."""

    def __init__(self, config: SubsetSumConfig) -> None:
        super().__init__(config=config, seed=config.seed, size=config.size)

    def __getitem__(self, idx: int) -> dict[str, Any]:
        rng = Random(self.seed + idx)  # noqa: S311
        numbers = rng.sample(range(self.config.low, self.config.high + 1), self.config.count)
        sums = Counter(map(sum, combinations(numbers, self.config.choose)))
        # The smallest numbers' sum is always unique, so there is always something to choose from.
        chosen = rng.choice([some for some in combinations(numbers, self.config.choose) if sums[sum(some)] == 1])
        target = sum(chosen)
        return {
            "question": f"which {WORDS[len(chosen)]} of {' '.join(map(str, numbers))} sum to {target} ?",
            "answer": " ".join(map(str, sorted(chosen))),
            "metadata": {
                "source_dataset": NAME,
                "source_index": idx,
                "numbers": numbers,
                "choose": len(chosen),
                "target": target,
            },
        }

    def identity(self, entry: dict[str, Any]) -> str:
        """What makes a problem this problem: the same numbers in another order are no new problem."""
        metadata = entry["metadata"]
        return f"{sorted(metadata['numbers'])} {metadata['choose']} {metadata['target']}"

    def canonical(self, answer: str) -> str:
        """The answer with its numbers ascending: "25 3" and "3 25" are one answer."""
        words = answer.split()
        if all(is_whole_number(word) for word in words):
            return " ".join(sorted(words, key=int))
        return " ".join(words)

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        """1.0 for `choose` different ones of the given numbers, in any order, that sum to the target; else 0.0."""
        words = (answer or "").split()
        metadata = entry["metadata"]
        if len(words) != metadata["choose"] or not all(is_whole_number(word) for word in words):
            return 0.0
        chosen = {int(word) for word in words}
        right = len(chosen) == len(words) and chosen <= set(metadata["numbers"]) and sum(chosen) == metadata["target"]
        return 1.0 if right else 0.0


def is_whole_number(word: str) -> bool:
    # Short, since int() refuses very long numbers; ASCII, since int() would also take other scripts' digits.
    return len(word) <= 20 and word.isascii() and word.removeprefix("-").isdigit()


if NAME not in DATASETS:  # the module may be imported under two names (as __mp_main__'s import in a spawned process)
    register_dataset(NAME, SubsetSumDataset, SubsetSumConfig)

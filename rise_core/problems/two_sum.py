"""The demo's problem family, as a reasoning-gym generator: which two of the given numbers sum to the target?

One pair does, and no other. Words and numbers stand apart, so that a word-level tokenizer gives every number one token:

    numbers 17 3 8 25 11 30 target 28 : which two sum to the target ?     →  3 25
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Any

from reasoning_gym.factory import DATASETS, ProceduralDataset, register_dataset

NAME = "two_sum"


@dataclass
class TwoSumConfig:
    """`count` distinct numbers from `low` to `high`."""

    count: int = 6
    low: int = 1
    high: int = 30
    seed: int | None = None
    size: int = 500

    def validate(self) -> None:
        for name in ("count", "low", "high"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"{name} must be a whole number, not {value!r}")
        if self.count < 2:
            raise ValueError(f"count must be at least 2, not {self.count}")
        if self.high - self.low + 1 < self.count:
            raise ValueError(f"low {self.low} to high {self.high} holds fewer than count = {self.count} numbers")


class TwoSumDataset(ProceduralDataset):  # type: ignore[misc]  # reasoning-gym ships no types
    """Problem i is drawn with seed + i, like every reasoning-gym generator's."""

    def __init__(self, config: TwoSumConfig) -> None:
        super().__init__(config=config, seed=config.seed, size=config.size)

    def __getitem__(self, idx: int) -> dict[str, Any]:
        rng = Random(self.seed + idx)  # noqa: S311
        numbers = rng.sample(range(self.config.low, self.config.high + 1), self.config.count)
        sums = Counter(a + b for a, b in combinations(numbers, 2))
        # The two smallest numbers' sum is always unique, so there is always something to choose from.
        first, second = rng.choice([(a, b) for a, b in combinations(numbers, 2) if sums[a + b] == 1])
        target = first + second
        return {
            "question": f"numbers {' '.join(map(str, numbers))} target {target} : which two sum to the target ?",
            "answer": f"{min(first, second)} {max(first, second)}",
            "metadata": {"source_dataset": NAME, "source_index": idx, "numbers": numbers, "target": target},
        }

    def identity(self, entry: dict[str, Any]) -> str:
        """What makes a problem this problem: the same numbers in another order are no new problem."""
        return f"{sorted(entry['metadata']['numbers'])} {entry['metadata']['target']}"

    def canonical(self, answer: str) -> str:
        """The answer with its numbers ascending: "25 3" and "3 25" are one answer."""
        words = answer.split()
        if all(is_whole_number(word) for word in words):
            return " ".join(sorted(words, key=int))
        return " ".join(words)

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        """1.0 for two different ones of the given numbers, in either order, that sum to the target; else 0.0."""
        words = (answer or "").split()
        if len(words) != 2 or not all(is_whole_number(word) for word in words):
            return 0.0
        first, second = (int(word) for word in words)
        given = entry["metadata"]["numbers"]
        right = first != second and first in given and second in given and first + second == entry["metadata"]["target"]
        return 1.0 if right else 0.0


def is_whole_number(word: str) -> bool:
    # Short, since int() refuses very long numbers; ASCII, since int() would also take other scripts' digits.
    return len(word) <= 20 and word.isascii() and word.removeprefix("-").isdigit()


if NAME not in DATASETS:  # the module may be imported under two names (as __mp_main__'s import in a spawned process)
    register_dataset(NAME, TwoSumDataset, TwoSumConfig)

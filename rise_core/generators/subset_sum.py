"""Subset sums: choose two, three or four listed numbers with the target as their sum.

    which three of 5 9 1 14 7 12 6 sum to 35 ?     →  9 12 14

Exactly one choice is right. Spaces separate all words and numbers, so a word-level tokenizer needs one token a number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Any

from reasoning_gym.factory import DATASETS, ProceduralDataset, register_dataset

NAME = "subset_sum"
_WORDS = {2: "two", 3: "three", 4: "four"}


@dataclass
class SubsetSumConfig:
    """Parameters: `choose` of `count` distinct numbers from `low` to `high`."""

    choose: int = 2
    count: int = 6
    low: int = 1
    high: int = 30
    seed: int | None = None
    size: int = 500

    def validate(self) -> None:
        """Check the parameters; reasoning-gym calls this before the data set is made.

        Raises:
            ValueError: A parameter is not a whole number, or the range holds too few numbers.
        """
        for name in ("choose", "count", "low", "high"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"{name} must be a whole number, not {value!r}")
        if self.choose not in _WORDS:
            raise ValueError(f"choose must be {', '.join(map(str, _WORDS))}, not {self.choose}")
        if self.count < self.choose:
            raise ValueError(f"count must be at least choose = {self.choose}, not {self.count}")
        if self.high - self.low + 1 < self.count:
            raise ValueError(f"low {self.low} to high {self.high} holds fewer than count = {self.count} numbers")


class SubsetSumDataset(ProceduralDataset):  # type: ignore[misc]  # reasoning-gym ships no types
    """Subset sums; entry i is drawn with seed + i, as reasoning-gym's generators do."""

    def __init__(self, config: SubsetSumConfig) -> None:
        super().__init__(config=config, seed=config.seed, size=config.size)

    def __getitem__(self, idx: int) -> dict[str, Any]:
        """Draw entry `idx`: question, answer, and as metadata numbers, target and size of the choice."""
        rng = Random(self.seed + idx)  # noqa: S311
        numbers = rng.sample(range(self.config.low, self.config.high + 1), self.config.count)
        choices = list(combinations(numbers, self.config.choose))
        num_choices = Counter(map(sum, choices))  # by sum
        # The sum of the smallest numbers is always unique, so the list is never empty.
        chosen = rng.choice([choice for choice in choices if num_choices[sum(choice)] == 1])
        target = sum(chosen)
        return {
            "question": f"which {_WORDS[len(chosen)]} of {' '.join(map(str, numbers))} sum to {target} ?",
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
        """Return the text by which two entries count as equal. The order of the numbers makes no difference."""
        metadata = entry["metadata"]
        return f"{sorted(metadata['numbers'])} {metadata['choose']} {metadata['target']}"

    def canonical(self, answer: str) -> str:
        """Sort the numbers of an answer: "25 3" and "3 25" vote together."""
        words = answer.split()
        if all(_is_whole_number(word) for word in words):
            return " ".join(sorted(words, key=int))
        return " ".join(words)

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        """Score an answer: 1.0 for `choose` different listed numbers with the right sum."""
        words = (answer or "").split()
        metadata = entry["metadata"]
        if len(words) != metadata["choose"] or not all(_is_whole_number(word) for word in words):
            return 0.0
        chosen = {int(word) for word in words}
        right = len(chosen) == len(words) and chosen <= set(metadata["numbers"]) and sum(chosen) == metadata["target"]
        return 1.0 if right else 0.0


def _is_whole_number(word: str) -> bool:
    # At most 20 digits: int() refuses very long numbers. ASCII only: int() also reads the digits of other scripts.
    return len(word) <= 20 and word.isascii() and word.removeprefix("-").isdigit()


# A spawned process may import this module under a second name (`__mp_main__`); the library refuses a second entry.
if NAME not in DATASETS:
    register_dataset(NAME, SubsetSumDataset, SubsetSumConfig)

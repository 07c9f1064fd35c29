"""The demo's problem family, as a reasoning-gym generator: which digit from 0 to 4 do the steps lead to 0, modulo 5?

Every step maps the five digits one to one, so exactly one of them does. A worked solution tries a digit, in writing,
and then names the answer. Where the trial does not end in 0, it shows only that this digit is wrong; half of the trials
are made to hit, the others are blind, so that the solutions show often enough what a hit means.

    reach 0 by add2 cube times4 add1 cube add3 times2 ?     →  try 1 3 2 3 4 4 2 4 so 0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from reasoning_gym.factory import DATASETS, ProceduralDataset, register_dataset

NAME = "digit_chain"
MODULUS = 5
TARGET = 0
HITS = 0.5
GUESS = 0.25  # the reward of a right answer that no trial shows
STEPS: dict[str, tuple[int, ...]] = {
    **{f"add{n}": tuple((digit + n) % MODULUS for digit in range(MODULUS)) for n in (1, 2, 3, 4)},
    **{f"times{n}": tuple(digit * n % MODULUS for digit in range(MODULUS)) for n in (2, 3, 4)},
    "cube": tuple(digit**3 % MODULUS for digit in range(MODULUS)),
}


@dataclass
class DigitChainConfig:
    """Chains of `steps` steps, no two of a kind side by side, since those were one step."""

    steps: int = 7
    seed: int | None = None
    size: int = 500

    def validate(self) -> None:
        if not isinstance(self.steps, int) or isinstance(self.steps, bool):
            raise ValueError(f"steps must be a whole number, not {self.steps!r}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, not {self.steps}")


class DigitChainDataset(ProceduralDataset):  # type: ignore[misc]  # reasoning-gym ships no types
    """Problem i is drawn with seed + i, like every reasoning-gym generator's."""

    def __init__(self, config: DigitChainConfig) -> None:
        super().__init__(config=config, seed=config.seed, size=config.size)

    def __getitem__(self, idx: int) -> dict[str, Any]:
        rng = Random(self.seed + idx)  # noqa: S311
        steps: list[str] = []
        while len(steps) < self.config.steps:
            step = rng.choice(list(STEPS))
            if not steps or kind(step) != kind(steps[-1]):
                steps.append(step)
        (start,) = [digit for digit in range(MODULUS) if chain(digit, steps)[-1] == TARGET]
        return {
            "question": f"reach {TARGET} by {' '.join(steps)} ?",
            "answer": str(start),
            "metadata": {
                "source_dataset": NAME,
                "source_index": idx,
                "steps": steps,
                "tried": start if rng.random() < HITS else rng.randrange(MODULUS),
            },
        }

    def worked(self, entry: dict[str, Any]) -> str:
        """The worked solution: the digit tried and where its chain leads, then the answer."""
        metadata = entry["metadata"]
        trial = chain(metadata["tried"], metadata["steps"])
        return f"try {' '.join(map(str, trial))} so {entry['answer']}"

    def canonical(self, answer: str) -> str:
        """The digit that a response names after a trial of all steps, or that it is; else empty.

        A trial with too many digits or too few is refused: a policy trained on lucky ones would forget how to try.
        """
        trial = rf"try(?: [0-4]){{{self.config.steps + 1}}} so "
        named = re.fullmatch(rf"(?:{trial})?([0-4])", " ".join(answer.split()))
        return named[1] if named else ""

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        """1.0 where the digit named is the right one; the digits of the trial are not graded."""
        return 1.0 if self.canonical(answer or "") == entry["answer"] else 0.0

    def reward(self, answer: str) -> float:
        """What a right answer is worth: 1.0 where its trial starts at it and ends in 0, else `GUESS`.

        A guess after a miss is right one time in four. At full reward such answers would teach as much as hits do, and
        nothing of them can be learnt.
        """
        steps = self.config.steps
        shown = re.fullmatch(rf"try ([0-4])(?: [0-4]){{{steps - 1}}} {TARGET} so \1", " ".join(answer.split()))
        return 1.0 if shown else GUESS


def kind(step: str) -> str:
    return step.rstrip("0123456789")


def chain(start: int, steps: Sequence[str]) -> list[int]:
    """`start`, and the digit after every step."""
    digits = [start]
    for step in steps:
        digits.append(STEPS[step][digits[-1]])
    return digits


if NAME not in DATASETS:  # the module may be imported under two names (as __mp_main__'s import in a spawned process)
    register_dataset(NAME, DigitChainDataset, DigitChainConfig)

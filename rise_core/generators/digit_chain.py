"""The demo's problem family: a digit goes through steps to 0, modulo 5.

    reach 0 by add2 cube times4 add1 cube add3 times2 ?     →  try 1 3 2 3 4 4 2 4 so 0

Every step maps the five digits one to one, so exactly one digit is right. A worked solution first tries a digit in
writing, then names the answer. A trial ending in 0 proves its digit right; any other trial only rules its digit out.
Half of the trials start at the right digit on purpose and the rest at random, so a learner sees enough successes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from reasoning_gym.factory import DATASETS, ProceduralDataset, register_dataset

NAME = "digit_chain"
_MODULUS = 5
_TARGET = 0
GUESS = 0.25  # reward of a right answer without a successful trial
STEPS: dict[str, tuple[int, ...]] = {  # by step: the digit after the step, for each digit before
    **{f"add{n}": tuple((digit + n) % _MODULUS for digit in range(_MODULUS)) for n in (1, 2, 3, 4)},
    **{f"times{n}": tuple(digit * n % _MODULUS for digit in range(_MODULUS)) for n in (2, 3, 4)},
    "cube": tuple(digit**3 % _MODULUS for digit in range(_MODULUS)),
}
_HIT_SHARE = 0.5  # of the trials, started at the right digit on purpose


@dataclass
class DigitChainConfig:
    """Parameters: `steps` per problem. Neighbouring steps differ in kind; two of one kind would equal one step."""

    steps: int = 7
    seed: int | None = None
    size: int = 500

    def validate(self) -> None:
        """Check the parameters; reasoning-gym calls this before the data set is made.

        Raises:
            ValueError: `steps` is not a whole number of at least 1.
        """
        if not isinstance(self.steps, int) or isinstance(self.steps, bool):
            raise ValueError(f"steps must be a whole number, not {self.steps!r}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, not {self.steps}")


class DigitChainDataset(ProceduralDataset):  # type: ignore[misc]  # reasoning-gym ships no types
    """Digit chains; entry i is drawn with seed + i, as reasoning-gym's generators do."""

    def __init__(self, config: DigitChainConfig) -> None:
        super().__init__(config=config, seed=config.seed, size=config.size)

    def __getitem__(self, idx: int) -> dict[str, Any]:
        """Draw entry `idx`: question, answer, and as metadata the steps and the trial's digit."""
        rng = Random(self.seed + idx)  # noqa: S311
        steps: list[str] = []
        while len(steps) < self.config.steps:
            step = rng.choice(list(STEPS))
            if not steps or kind(step) != kind(steps[-1]):
                steps.append(step)
        (start,) = [digit for digit in range(_MODULUS) if chain(digit, steps)[-1] == _TARGET]
        return {
            "question": f"reach {_TARGET} by {' '.join(steps)} ?",
            "answer": str(start),
            "metadata": {
                "source_dataset": NAME,
                "source_index": idx,
                "steps": steps,
                "tried": start if rng.random() < _HIT_SHARE else rng.randrange(_MODULUS),
            },
        }

    def worked(self, entry: dict[str, Any]) -> str:
        """Write the worked solution: the tried digit, the digit after every step, then the answer."""
        metadata = entry["metadata"]
        trial = chain(metadata["tried"], metadata["steps"])
        return f"try {' '.join(map(str, trial))} so {entry['answer']}"

    def canonical(self, answer: str) -> str:
        """Extract the digit of a response, alone or after a full trial; else "".

        A trial with too few or too many digits is no answer. Otherwise training on lucky ones would unlearn the trial.
        """
        trial = rf"try(?: [0-4]){{{self.config.steps + 1}}} so "
        named = re.fullmatch(rf"(?:{trial})?([0-4])", " ".join(answer.split()))
        return named[1] if named else ""

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        """Score a response: 1.0 for the right digit, else 0.0. The digits of the trial are not graded."""
        return 1.0 if self.canonical(answer or "") == entry["answer"] else 0.0

    def reward(self, answer: str) -> float:
        """Return the reward of a right response: 1.0 for a successful trial, else `GUESS`.

        A successful trial starts at the answer and ends in 0. After a failed trial a guess is right one time in four.
        At full reward, lucky guesses would weigh as much as successful trials, and teach a learner nothing.
        """
        steps = self.config.steps
        proof = re.fullmatch(rf"try ([0-4])(?: [0-4]){{{steps - 1}}} {_TARGET} so \1", " ".join(answer.split()))
        return 1.0 if proof else GUESS


def kind(step: str) -> str:
    """Return the kind of a step: its name without the number ("add2" → "add")."""
    return step.rstrip("0123456789")


def chain(start: int, steps: Sequence[str]) -> list[int]:
    """Return `start` and the digit after every step [len(steps) + 1]."""
    digits = [start]
    for step in steps:
        digits.append(STEPS[step][digits[-1]])
    return digits


# A spawned process may import this module under a second name (`__mp_main__`); the library refuses a second entry.
if NAME not in DATASETS:
    register_dataset(NAME, DigitChainDataset, DigitChainConfig)

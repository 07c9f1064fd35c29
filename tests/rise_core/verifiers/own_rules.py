"""A user's own verifiers, good and bad ones, as the tests of own verifiers name them."""

import ctypes
import itertools
import os
import sys
import time
from pathlib import Path
from typing import Any

from rise.core.records import Grade, Problem, Verdict
from rise.core.verifiers import get

NOT_A_FUNCTION = 5
GRADE = Grade(Verdict.NO_ANSWER, -1.0)


def last_word(response: str, problem: Problem) -> Grade:
    answer = response.split()[-1] if response.split() else None
    if answer is None:
        return GRADE
    return Grade(Verdict.CORRECT, 1.0, answer) if answer == problem.answer else Grade(Verdict.WRONG, 0.0, answer)


def obeys(response: str, problem: Problem) -> Any:
    """Does what the response says; the gold answer "18" is an honest one."""
    if response == problem.answer:
        return True
    return {
        "false": lambda: False,
        "half": lambda: 0.5,
        "none": lambda: None,
        "text": lambda: "correct",
        "nan": lambda: float("nan"),
        "odd answer": lambda: Grade(Verdict.WRONG, 0.0, 5),  # type: ignore[arg-type]
        "odd verdict": lambda: Grade("fine", 0.0),  # type: ignore[arg-type]
        "surrogate": lambda: Grade(Verdict.WRONG, 0.0, "a\ud800b"),
        "raise": lambda: 1 / 0,
        "exit": lambda: sys.exit("good bye"),
        "interrupt": interrupt,
        "print": lambda: print("printed by a verifier"),
        "die": lambda: os._exit(0),
        "crash": lambda: ctypes.string_at(0),
        "sleep": lambda: time.sleep(1000),
        "sleep deaf": sleep_deaf,
        "compute in C": lambda: sum(range(10**12)),
        "eat memory": lambda: bytearray(10**12),
    }[response]()


def slow(response: str, problem: Problem) -> Grade:
    """As gsm8k, but a response that begins with "slow" outlasts any deadline, however fast the machine is."""
    if response.startswith("slow"):
        time.sleep(1000)
    return get("gsm8k").grade(response, problem)


def counting(response: str, problem: Problem) -> bool:
    """Notes in the file that the problem's answer names that the response is graded, then does what it says."""
    with open(problem.answer, "a", encoding="utf-8") as file:
        file.write(f"{response}\n")
    if response.startswith("deaf"):
        sum(itertools.repeat(0))  # in C for ever: no signal is looked at
    if response.startswith("slow"):
        time.sleep(1000)
    return True


def meeting(response: str, problem: Problem) -> bool:
    """True once another response is graded at the same time, in the folder that the problem's answer names."""
    if response.startswith("slow"):
        time.sleep(1000)
    (Path(problem.answer) / response).touch()
    while len(os.listdir(problem.answer)) < 2:
        time.sleep(0.02)
    return True


def interrupt() -> None:
    raise KeyboardInterrupt


def sleep_deaf() -> None:
    while True:
        try:
            time.sleep(1000)
        except BaseException:  # noqa: BLE001, S112
            continue


def one_argument(response: str) -> bool:
    return bool(response)


async def later(response: str, problem: Problem) -> bool:
    return response == problem.answer


def text(response: str, problem: Problem) -> str:
    return "correct"


def whole_text(response: str, problem: Problem) -> Grade:
    right = response.split() == problem.answer.split()
    return Grade(Verdict.CORRECT if right else Verdict.WRONG, float(right), f"own {response}")

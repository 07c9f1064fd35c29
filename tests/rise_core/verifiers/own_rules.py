"""Verifiers of a user, good and bad ones, for the tests by dotted path."""

import ctypes
import itertools
import os
import sys
import time
from pathlib import Path
from typing import Any

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import get

NOT_A_FUNCTION = 5
GRADE = Grade(Verdict.NO_ANSWER, -1.0)


def last_word(response: str, problem: Problem) -> Grade:
    answer = response.split()[-1] if response.split() else None
    if answer is None:
        return GRADE
    return Grade(Verdict.CORRECT, 1.0, answer) if answer == problem.answer else Grade(Verdict.WRONG, 0.0, answer)


def obeys(response: str, problem: Problem) -> Any:
    """Obey the response as a command; the gold answer "18" is correct."""
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
    """Grade like gsm8k, but a response beginning with "slow" outlasts any deadline."""
    if response.startswith("slow"):
        time.sleep(1000)
    return get("gsm8k").grade(response, problem)


def counting(response: str, problem: Problem) -> bool:
    """Append the response to the file named by the gold answer, then obey the response."""
    with open(problem.answer, "a", encoding="utf-8") as file:
        file.write(f"{response}\n")
    if response.startswith("deaf"):
        sum(itertools.repeat(0))  # in C without end: no signal handler runs
    if response.startswith("slow"):
        time.sleep(1000)
    return True


def reporting(response: str, problem: Problem) -> bool:
    """Write this process's id to the gold answer's file, then compute in C without end."""
    Path(problem.answer).write_text(f"{os.getpid()}\n")
    return bool(sum(itertools.repeat(0)))


def meeting(response: str, problem: Problem) -> bool:
    """Wait for another response under grading at the same time. The gold answer names their folder."""
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

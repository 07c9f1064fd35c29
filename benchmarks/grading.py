"""Grading: GSM8K answers a second of the grading pool against a loop over math-verify in one process.

    .venv/bin/python benchmarks/grading.py > grading.md
    .venv/bin/python benchmarks/grading.py --answers 400 --repeats 1      # seconds

The answers are GSM8K's own solutions with some digits changed, no two the same, ending in one of the ways in which
models state an answer: 40% with the gold one, 55% with another, 5% with none. Those hold no number at all: left alone,
math-verify takes any last number for the answer, which this project counts as no answer (rise_core/verifiers/gsm8k.py).
The loop is what a trainer's reward function does: parse the gold answer, parse the response, verify. Both must find the
same answers correct. Two lines for comparison follow: one process, and the verifier `math`, which is math-verify behind
a deadline. The start of the processes, once a run, is given apart. Needs gsm8k_train.jsonl of
$RISE_TEST_DATA.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import numpy as np
from math_verify import parse, verify
from measuring import data, held, in_turns, machine, parser, progress, table, timed

from rise_core.records import Problem, Verdict
from rise_core.verifiers.grading_pool import GradingPool
from rise_core.verifiers.gsm8k import gold_answer

Pair = tuple[str, Problem]
ENDINGS = ("The answer is {}.", "#### {}", "So the final answer is \\boxed{{{}}}.", "The answer is ${}.", "Answer: {}")
LOOP = "math-verify in a loop"
SHARE = {"math": 8, LOOP: 8}  # these are slow: they take every eighth answer


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--answers", type=int, default=40_000)
    options.add_argument("--workers", type=int, default=2, help="grading processes")
    options.add_argument("--repeats", type=int, default=5, help="medians are printed")
    arguments = options.parse_args()
    about = machine("math-verify", "sympy", "pebble")
    pairs = make_pairs(arguments.answers)
    eighth = pairs[:: SHARE[LOOP]]
    with (
        GradingPool("gsm8k", workers=arguments.workers) as pool,
        GradingPool("gsm8k", workers=1) as one,
        GradingPool("math", workers=arguments.workers) as math,
    ):
        start = timed(lambda: pool.grade(pairs[: 128 * arguments.workers]))
        one.grade(pairs[:128])
        math.grade(boxed(eighth[:256]))
        loop(eighth[:50])
        progress("warm")
        ways: dict[str, Callable[[], float]] = {
            f"pool, {arguments.workers} processes": lambda: rate(pool.grade, pairs),
            "pool, 1 process": lambda: rate(one.grade, pairs),
            f"pool, {arguments.workers} processes, verifier math": lambda: rate(math.grade, boxed(eighth)),
            LOOP: lambda: rate(loop, eighth),
        }
        rates = in_turns(ways, arguments.repeats)
        ours = [grade.verdict is Verdict.CORRECT for grade in pool.grade(eighth)]
    theirs = loop(eighth)
    differ = 0
    for (response, problem), here, there in zip(eighth, ours, theirs, strict=True):
        if here != there:
            differ += 1
            gold = gold_answer(problem.answer)
            progress(f"gold {gold}: the pool says {here}, the loop {there}: ...{response[-80:]!r}")
    print(report(about, rates, start, len(pairs), len(eighth), differ, sum(theirs)))


def report(
    about: str, rates: dict[str, float], start: float, answers: int, compared: int, differ: int, correct: int
) -> str:
    first = next(iter(rates))
    rows = [
        [name, f"{value:,.0f}", held(value / rates[LOOP], at_least=5 if name == first else None)]
        for name, value in rates.items()
    ]
    verdicts = f"{differ:,} of {compared:,} verdicts differ ({correct:,} correct)"
    return "\n\n".join(
        [
            f"{answers:,} answers, all different. Target: 5\u00d7 on two cores; bold: missed.",
            about,
            table(["", "answers/s", "to the loop"], rows),
            f"{verdicts if differ == 0 else f'**{verdicts}**'}. Start of the processes: {start:.1f} s.",
        ]
    )


def rate(grade: Callable[[list[Pair]], object], pairs: list[Pair]) -> float:
    return len(pairs) / timed(lambda: grade(pairs))


def loop(pairs: list[Pair]) -> list[bool]:
    """What is correct, by math-verify alone with its defaults."""
    return [verify(parse(gold_answer(problem.answer)), parse(response)) for response, problem in pairs]


def boxed(pairs: list[Pair]) -> list[Pair]:
    """The same for the verifier `math`, which reads a gold answer out of a box."""
    return [
        (response, Problem(p.problem_id, p.split, p.problem, f"\\boxed{{{gold_answer(p.answer)}}}"))
        for response, p in pairs
    ]


def make_pairs(count: int) -> list[Pair]:
    lines = [json.loads(line) for line in data("gsm8k_train.jsonl").read_text(encoding="utf-8").splitlines()]
    random = np.random.default_rng(0)
    pairs: dict[str, Problem] = {}
    while len(pairs) < count:
        number = int(random.integers(len(lines)))
        steps, _, gold = lines[number]["answer"].rpartition("#### ")
        changed = re.sub(r"[0-9]", lambda digit: str(random.integers(10)) if random.random() < 0.2 else digit[0], steps)
        none = random.random() < 0.05
        response = re.sub(r"[0-9]", "", steps) + "I do not know." if none else changed + ending(random, gold)
        pairs[response] = Problem(str(number), "train", lines[number]["question"], lines[number]["answer"])
    return list(pairs.items())


def ending(random: np.random.Generator, gold: str) -> str:
    right = random.random() < 0.42
    stated = gold if right else str(int(gold.replace(",", "")) + int(random.integers(1, 9)))
    return ENDINGS[int(random.integers(len(ENDINGS)))].format(stated)


if __name__ == "__main__":
    main()

"""Answer one problem over several turns, as at deployment (paper, section 4.3).

    for attempt in attempts(turns=5, ask=ask, grade=grade, oracle=False): ...
    final_answer(all_attempts)

Every turn sees the earlier responses and the fixed feedback. The final answer is the majority's (m1@tK), or with an
oracle the first correct one (p1@tK). Sampling and grading are functions of the caller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rise_core.config.choices import SourceKind
from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.method.metrics import vote
from rise_core.records import Grade, Problem, Verdict


@dataclass(frozen=True, slots=True)
class Attempt:
    """One turn: the response and its reading by the verifier."""

    turn: int  # from 1
    response: str
    answer: str | None  # in the verifier's canonical form; None: no answer
    verdict: Verdict | None  # without an oracle only a failure to grade (timeout, error), else None


def problem_by_hand(config: Config, text: str, oracle: str | None, known: Problem | None) -> Problem:
    """Make a problem from a typed text.

    Without an oracle the problem holds nothing of a gold answer. The verifier then finds the gold answer unparseable,
    and still reads the response (Grade.answer).

    Args:
        oracle: The gold answer, in the form of the run's answer column.
        known: The run's own problem of this text. Its id gives the seeds of its evaluation. Its metadata gives the
            scorer's entry, where there is an oracle. Without it a reasoning-gym scorer has the generator and the
            oracle's answer only.
    """
    metadata: dict[str, Any] = {}
    if config.problems.source is SourceKind.reasoning_gym:
        metadata = {"generator": config.problems.name, "params": dict(config.problems.params)}
        if oracle is not None:
            stored = known.metadata.get("entry", {}) if known else {}
            metadata["entry"] = stored | {"answer": oracle}
    return Problem(known.problem_id if known else text, "eval", text, oracle or "", metadata=metadata)


def check_oracle(config: Config, oracle: str, problem: Problem, grade: Callable[[str], Grade]) -> None:
    """Refuse an oracle without a meaning for the verifier: every verdict would be void. Raises UserError."""
    reading = grade(oracle)
    if reading.verdict.is_fact:
        return
    verifier = config.verify.verifier
    if verifier != "reasoning_gym" or "generator" not in problem.metadata:
        raise UserError(
            f"--oracle {oracle!r}: verifier {verifier} cannot read it as a gold answer ({reading.verdict}); "
            "write it as the answer column of the run's problem file has it"
        )
    family = problem.metadata["generator"]
    if reading.answer is None:
        raise UserError(f"--oracle {oracle!r} is no answer of the family {family}; write it as a response would")
    if "metadata" in problem.metadata["entry"]:
        raise UserError(f"--oracle {oracle!r}: the scorer of {family} does not accept it as an answer to this problem")
    raise UserError(
        f"--oracle {oracle!r}: the scorer of {family} cannot grade by an answer alone, it needs the problem's own "
        "entry, which only the run's own problems have; solve without --oracle"
    )


def attempts(
    *, turns: int, ask: Callable[[Sequence[str], int], str], grade: Callable[[str], Grade], oracle: bool
) -> Iterator[Attempt]:
    """Yield the turns one by one.

    Args:
        ask: Samples the next response from (earlier responses, turn).
        oracle: Stop at the first correct response. Otherwise no verdict is looked at.
    """
    earlier: list[str] = []
    for turn in range(1, turns + 1):
        response = ask(earlier, turn)
        reading = grade(response)
        shown = oracle or reading.verdict in (Verdict.TIMEOUT, Verdict.ERROR)
        yield Attempt(turn, response, reading.answer, reading.verdict if shown else None)
        if oracle and reading.verdict is Verdict.CORRECT:
            return
        earlier.append(response)


def votes(attempts: Sequence[Attempt]) -> list[tuple[str, int]]:
    """Count the answers: (answer, votes), the most frequent first, then the earliest."""
    return Counter(attempt.answer for attempt in attempts if attempt.answer is not None).most_common()


def final_answer(attempts: Sequence[Attempt]) -> str | None:
    """The correct answer under an oracle, else the majority's. A tie goes to the earliest; None without a vote."""
    if attempts and attempts[-1].verdict is Verdict.CORRECT:
        return attempts[-1].answer
    return vote([attempt.answer for attempt in attempts])

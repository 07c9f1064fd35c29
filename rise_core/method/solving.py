"""One problem answered over several turns, as in evaluation: every turn sees the earlier ones and the fixed feedback.

    for attempt in attempts(turns=5, ask=ask, grade=grade, oracle=False): ...
    final_answer(all_of_them)

Pure: who samples and who grades is passed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rise.core.config.choices import SourceKind
from rise.core.config.keys import Config
from rise.core.errors import UserError
from rise.core.method.metrics import vote
from rise.core.records import Grade, Problem, Verdict


@dataclass(frozen=True, slots=True)
class Attempt:
    """One turn. `answer` is the parsed answer in the verifier's canonical form.

    `verdict` is None without an oracle, but for a response that the verifier could not read at all (timeout, error).
    """

    turn: int  # from 1
    response: str
    answer: str | None
    verdict: Verdict | None


def problem_by_hand(config: Config, text: str, oracle: str | None, known: Problem | None) -> Problem:
    """A problem that somebody typed in. Without an oracle nothing of a gold answer is in it.

    A verifier then finds the gold answer unparseable, and still says how it reads the response (Grade.answer).
    `known` is the run's own problem of that text, if there is one: its id gives it the seeds that its evaluation had,
    and what its scorer needs is taken from it where there is an oracle. Of a reasoning-gym problem that the run does
    not have, the scorer knows the generator and the oracle's answer alone.
    """
    metadata: dict[str, Any] = {}
    if config.problems.source is SourceKind.reasoning_gym:
        metadata = {"generator": config.problems.name, "params": dict(config.problems.params)}
        if oracle is not None:
            stored = known.metadata.get("entry", {}) if known else {}
            metadata["entry"] = stored | {"answer": oracle}
    return Problem(known.problem_id if known else text, "eval", text, oracle or "", metadata=metadata)


def check_oracle(config: Config, oracle: str, problem: Problem, grade: Callable[[str], Grade]) -> None:
    """Raises UserError where the verifier cannot grade by this oracle: every verdict would be void."""
    found = grade(oracle)
    if found.verdict.is_fact:
        return
    verifier = config.verify.verifier
    if verifier != "reasoning_gym" or "generator" not in problem.metadata:
        raise UserError(
            f"--oracle {oracle!r}: verifier {verifier} cannot read it as a gold answer ({found.verdict}); "
            "write it as the answer column of the run's problem file has it"
        )
    family = problem.metadata["generator"]
    if found.answer is None:
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
    """The turns one by one, as they come. `ask(earlier responses, turn)` samples the next response.

    With `oracle` the first correct one is the last; without, no verdict is looked at.
    """
    earlier: list[str] = []
    for turn in range(1, turns + 1):
        response = ask(earlier, turn)
        found = grade(response)
        told = oracle or found.verdict in (Verdict.TIMEOUT, Verdict.ERROR)
        yield Attempt(turn, response, found.answer, found.verdict if told else None)
        if oracle and found.verdict is Verdict.CORRECT:
            return
        earlier.append(response)


def votes(made: Sequence[Attempt]) -> list[tuple[str, int]]:
    """(answer, votes), the most first; of equals the one that came first."""
    return Counter(attempt.answer for attempt in made if attempt.answer is not None).most_common()


def final_answer(made: Sequence[Attempt]) -> str | None:
    """The answer that an oracle found correct, else the majority's (a tie goes to the first); None: nobody voted."""
    if made and made[-1].verdict is Verdict.CORRECT:
        return made[-1].answer
    return vote([attempt.answer for attempt in made])

"""Episodes of `rise solve` on standard output: turn by turn for a reader, one JSON object for a program."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from rise_core.config.keys import Config
from rise_core.method.solving import Attempt, final_answer, votes
from rise_core.records import Verdict
from rise_core.text import printable
from storage.checkpoints import CheckpointRecord

_STYLES = {Verdict.CORRECT: "green", Verdict.WRONG: "red", Verdict.NO_ANSWER: "red"}
_BAR = "█"


@contextmanager
def working(action: str) -> Iterator[None]:
    """Announce a slow action on standard error; a terminal shows it while the block runs."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console.print(Text(printable(action)), soft_wrap=True)
        yield
        return
    with console.status(Text(printable(action))):
        yield


class JsonEpisode:
    """Collects the turns, and prints one JSON object at the end."""

    def __init__(self, out: TextIO, checkpoint: CheckpointRecord, config: Config, problem: str) -> None:
        self._out, self._checkpoint, self._problem = out, checkpoint, problem
        self._attempts: list[Attempt] = []

    def add(self, attempt: Attempt) -> None:
        """Take the next turn."""
        self._attempts.append(attempt)

    def end(self) -> None:
        """Print the episode."""
        episode = {
            "run": self._checkpoint.run,
            "iteration": self._checkpoint.iteration,
            "checkpoint": self._checkpoint.checkpoint_id,
            "problem": self._problem,
            "turns": [_turn(attempt) for attempt in self._attempts],
            "votes": [{"answer": answer, "votes": count} for answer, count in votes(self._attempts)],
            "answer": final_answer(self._attempts),
        }
        print(json.dumps(episode), file=self._out, flush=True)  # ASCII: no control sequence reaches a terminal


class ShownEpisode:
    """Prints every turn at once, then votes and final answer."""

    def __init__(self, out: TextIO, checkpoint: CheckpointRecord, config: Config, problem: str) -> None:
        self.console = Console(file=out, highlight=False)
        self._attempts: list[Attempt] = []
        self._line(
            f"run {checkpoint.run}, iteration {checkpoint.iteration}, checkpoint {checkpoint.checkpoint_id}, "
            f"temperature {config.eval.temperature:g}, seed {config.seed}",
            style="dim",
        )
        self._line("\nproblem", style="bold")
        self.block(problem)

    def add(self, attempt: Attempt) -> None:
        """Print the next turn."""
        self._attempts.append(attempt)
        head = Text(f"\nturn {attempt.turn}", style="bold")
        head.append("  answer ", style="not bold dim")
        head.append(printable(attempt.answer) if attempt.answer is not None else "none", style="not bold cyan")
        if attempt.verdict is not None:
            head.append(f"  {attempt.verdict}", style=f"not bold {_STYLES.get(attempt.verdict, 'yellow')}")
        self.console.print(head, soft_wrap=True)
        self.block(attempt.response)

    def end(self) -> None:
        """Print the votes as bars, and the final answer as the last line."""
        counts = votes(self._attempts)  # most votes first
        self._line("\nvotes", style="bold")
        width = max((len(printable(answer)) for answer, _ in counts), default=0)
        for answer, count in counts:
            # A long answer may pass column 60; the bars of the others stay aligned.
            self._line(f"  {printable(answer):<{min(width, 60)}}  {_BAR * count} {count}")
        if not counts:
            self._line("  no turn gave an answer")
        final = final_answer(self._attempts)
        last = Text("\nanswer  ", style="bold").append(printable(final) if final is not None else "none", "bold cyan")
        self.console.print(last, soft_wrap=True)

    def block(self, text: str) -> None:
        """Print text indented: wrapped on a terminal, line for line in a pipe."""
        shown = printable(text) or "(nothing)"
        if self.console.is_terminal:
            self.console.print(Padding(Text(shown), (0, 0, 0, 2)))
        else:
            self._line(textwrap.indent(shown, "  "))

    def _line(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style), soft_wrap=True)


def _turn(attempt: Attempt) -> dict[str, object]:
    turn: dict[str, object] = {"turn": attempt.turn, "response": attempt.response, "answer": attempt.answer}
    return turn if attempt.verdict is None else turn | {"verdict": str(attempt.verdict)}

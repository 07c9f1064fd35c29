"""How `rise solve` shows an episode: turn by turn for a reader, or as one JSON object for a program."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from rise.core.config.keys import Config
from rise.core.method.solving import Attempt, final_answer, votes
from rise.core.records import Verdict
from rise.core.text import printable
from rise.storage.checkpoints import CheckpointRecord

STYLES = {Verdict.CORRECT: "green", Verdict.WRONG: "red", Verdict.NO_ANSWER: "red"}
BAR = "█"


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say on stderr what takes its time."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console.print(Text(printable(what)), soft_wrap=True)
        yield
        return
    with console.status(Text(printable(what))):
        yield


class JsonEpisode:
    """Collects the turns and prints them at the end."""

    def __init__(self, out: TextIO, checkpoint: CheckpointRecord, config: Config, problem: str) -> None:
        self.out, self.checkpoint, self.problem = out, checkpoint, problem
        self.made: list[Attempt] = []

    def add(self, attempt: Attempt) -> None:
        self.made.append(attempt)

    def end(self) -> None:
        checkpoint = self.checkpoint
        whole = {
            "run": checkpoint.run,
            "iteration": checkpoint.iteration,
            "checkpoint": checkpoint.checkpoint_id,
            "problem": self.problem,
            "turns": [as_json(attempt) for attempt in self.made],
            "votes": [{"answer": answer, "votes": count} for answer, count in votes(self.made)],
            "answer": final_answer(self.made),
        }
        print(json.dumps(whole), file=self.out, flush=True)  # ASCII: no control sequence reaches a terminal


class ShownEpisode:
    """Prints every turn as it comes."""

    def __init__(self, out: TextIO, checkpoint: CheckpointRecord, config: Config, problem: str) -> None:
        self.console = Console(file=out, highlight=False)
        self.made: list[Attempt] = []
        self.turns = config.eval.turns
        ev = config.eval
        self.line(
            f"run {checkpoint.run}, iteration {checkpoint.iteration}, checkpoint {checkpoint.checkpoint_id}, "
            f"temperature {ev.temperature:g}, seed {config.seed}",
            style="dim",
        )
        self.line("\nproblem", style="bold")
        self.block(problem)

    def add(self, attempt: Attempt) -> None:
        self.made.append(attempt)
        head = Text(f"\nturn {attempt.turn}", style="bold")
        head.append("  answer ", style="not bold dim")
        head.append(printable(attempt.answer) if attempt.answer is not None else "none", style="not bold cyan")
        if attempt.verdict is not None:
            head.append(f"  {attempt.verdict}", style=f"not bold {STYLES.get(attempt.verdict, 'yellow')}")
        self.console.print(head, soft_wrap=True)
        self.block(attempt.response)

    def end(self) -> None:
        counted = votes(self.made)
        self.line("\nvotes", style="bold")
        width = max((len(printable(answer)) for answer, _ in counted), default=0)
        for answer, count in counted:
            self.line(f"  {printable(answer):<{min(width, 60)}}  {BAR * count} {count}")
        if not counted:
            self.line("  no turn gave an answer")
        final = final_answer(self.made)
        last = Text("\nanswer  ", style="bold").append(printable(final) if final is not None else "none", "bold cyan")
        self.console.print(last, soft_wrap=True)

    def line(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style), soft_wrap=True)

    def block(self, text: str) -> None:
        """Indented text: wrapped for a reader at a terminal, line for line in a pipe."""
        shown = printable(text) or "(nothing)"
        if self.console.is_terminal:
            self.console.print(Padding(Text(shown), (0, 0, 0, 2)))
        else:
            self.line(textwrap.indent(shown, "  "))


def as_json(attempt: Attempt) -> dict[str, object]:
    turn: dict[str, object] = {"turn": attempt.turn, "response": attempt.response, "answer": attempt.answer}
    return turn if attempt.verdict is None else turn | {"verdict": str(attempt.verdict)}

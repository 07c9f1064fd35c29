"""What a teacher's endpoint was paid for: every answer and its bill, on disk before anything else happens with it.

A resumed run finds its answers here instead of paying for them again, also those of a shard that was never finished,
and counts from here what it has used of its budget. SQLite; one process at a time (the run's lock sees to it).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rise.core.answering.renderer import Reply

TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    question TEXT, sample INTEGER, text TEXT, finish_reason TEXT, latency REAL, PRIMARY KEY (question, sample));
CREATE TABLE IF NOT EXISTS bills (
    question TEXT, prompt_tokens INTEGER, completion_tokens INTEGER, at TEXT DEFAULT CURRENT_TIMESTAMP);
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """Answered requests, and the tokens of their prompts and answers as the endpoint counts them."""

    requests: int
    tokens: int


class Ledger:
    """The answers and bills of one run, under a question's fingerprint: all that was asked, its seed included."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opened in one thread and used in the event loop's; never in two at once.
        self.connection = sqlite3.connect(path, check_same_thread=False)
        self.connection.executescript(TABLES)

    def answers(self, question: str) -> list[Reply]:
        """What a question was answered already, by sample."""
        found = self.connection.execute(
            "SELECT text, finish_reason, latency FROM answers WHERE question = ? ORDER BY sample", (question,)
        )
        return [Reply(*row) for row in found]

    def write(self, question: str, answers: Sequence[Reply], tokens: tuple[int, int]) -> None:
        """Add one request's answers behind those that the question has, and its bill (tokens of the prompt, of the
        answers): both or neither."""
        with self.connection:
            held = len(self.answers(question))
            self.connection.executemany(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?)",
                [(question, held + i, s.text, s.finish_reason, s.latency) for i, s in enumerate(answers)],
            )
            self.connection.execute(
                "INSERT INTO bills (question, prompt_tokens, completion_tokens) VALUES (?, ?, ?)",
                (question, *tokens),
            )

    def used(self) -> Usage:
        """All that was ever paid for in this run."""
        sums = "SELECT count(*), coalesce(sum(prompt_tokens + completion_tokens), 0) FROM bills"
        return Usage(*self.connection.execute(sums).fetchone())

    def close(self) -> None:
        self.connection.close()

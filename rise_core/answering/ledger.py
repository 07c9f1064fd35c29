"""The ledger of a teacher's endpoint: every answer and its bill, on disk before any other use of the answer.

A resumed run reads earlier answers here, also of an unfinished shard, and pays for no answer twice. The budget counts
from the bills. SQLite; one process at a time, by the run's lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rise_core.answering.renderer import Reply

# Column `question` holds the fingerprint of a request, column `at` the time in UTC.
_TABLES = """
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
    """The answers and bills of a run, by the fingerprint of a request: a hash of the content, seed included."""

    def __init__(self, path: Path) -> None:
        """Open the ledger, or create a new file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opened in one thread and used in the event loop's thread; never in two at once.
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.executescript(_TABLES)

    def replies(self, fingerprint: str) -> list[Reply]:
        """Read the stored replies to a request, ordered by sample."""
        rows = self._connection.execute(
            "SELECT text, finish_reason, latency FROM answers WHERE question = ? ORDER BY sample", (fingerprint,)
        )
        return [Reply(*row) for row in rows]

    def append(self, fingerprint: str, replies: Sequence[Reply], tokens: tuple[int, int]) -> None:
        """Store the replies of a request, after earlier replies, and the bill. Both are stored, or neither.

        Args:
            tokens: Tokens of the prompt and of the replies.
        """
        with self._connection:
            first = len(self.replies(fingerprint))
            self._connection.executemany(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?)",
                [(fingerprint, first + i, r.text, r.finish_reason, r.latency) for i, r in enumerate(replies)],
            )
            self._connection.execute(
                "INSERT INTO bills (question, prompt_tokens, completion_tokens) VALUES (?, ?, ?)",
                (fingerprint, *tokens),
            )

    def usage(self) -> Usage:
        """Sum the bills of the whole run."""
        sums = "SELECT count(*), coalesce(sum(prompt_tokens + completion_tokens), 0) FROM bills"
        return Usage(*self._connection.execute(sums).fetchone())

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

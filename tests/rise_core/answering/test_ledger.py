"""Paid answers are on disk, in order, with their bills."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from rise_core.answering.ledger import Ledger, Usage
from rise_core.answering.renderer import Reply

REPLIES = [Reply(f"text {i}", "stop" if i % 2 else "length", i / 4) for i in range(5)]


def test_replies_of_several_requests_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "run" / "teacher.sqlite"
    ledger = Ledger(path)
    assert ledger.replies("a") == []
    ledger.append("a", REPLIES[:2], (10, 4))
    ledger.append("b", REPLIES[4:], (7, 1))
    ledger.append("a", REPLIES[2:4], (10, 5))
    ledger.close()

    reopened = Ledger(path)
    assert reopened.replies("a") == REPLIES[:4]
    assert reopened.replies("b") == REPLIES[4:]
    assert reopened.usage() == Usage(3, 37)
    reopened.close()


def test_answers_and_bill_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "teacher.sqlite")
    with pytest.raises((sqlite3.Error, TypeError)):
        ledger.append("a", REPLIES, (10, object()))  # type: ignore[arg-type]
    assert ledger.replies("a") == []
    assert ledger.usage() == Usage(0, 0)
    ledger.close()


def test_a_ledger_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """The tables as the first version of the ledger wrote them."""
    with sqlite3.connect(tmp_path / "teacher.sqlite") as file:
        file.executescript(
            "CREATE TABLE answers (question TEXT, sample INTEGER, text TEXT, finish_reason TEXT, latency REAL,"
            " PRIMARY KEY (question, sample));"
            "CREATE TABLE bills (question TEXT, prompt_tokens INTEGER, completion_tokens INTEGER,"
            " at TEXT DEFAULT CURRENT_TIMESTAMP);"
            "INSERT INTO answers VALUES ('a', 0, 'old', 'stop', 0.5);"
            "INSERT INTO bills (question, prompt_tokens, completion_tokens) VALUES ('a', 3, 4);"
        )
    file.close()
    ledger = Ledger(tmp_path / "teacher.sqlite")
    assert ledger.replies("a") == [Reply("old", "stop", 0.5)]
    assert ledger.usage() == Usage(1, 7)
    ledger.close()

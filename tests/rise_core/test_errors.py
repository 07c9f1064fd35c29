"""The error model: one line for every failure that ends a command, also after a way between processes."""

from __future__ import annotations

import pickle

import pytest

from rise_core.errors import Closed, EngineClosed, EngineError, EngineLost, RunStopped, UserError


@pytest.mark.parametrize("kind", [UserError, RunStopped])
def test_a_message_is_one_line_without_control_sequences(kind: type[Exception]) -> None:
    error = kind("row 3\x1b[31m: no\nanswer")
    assert str(error) == "row 3\\x1b[31m: no\\nanswer"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301


def test_closing_engines_are_told_apart_from_lost_ones() -> None:
    assert issubclass(EngineClosed, Closed)
    assert issubclass(EngineClosed, EngineError)
    assert not issubclass(EngineLost, Closed)

"""Numbers within a tolerance."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import get


def grade(name: str, response: str, gold: str, metadata: dict[str, Any] | None = None) -> Grade:
    return get(name).grade(response, Problem("p", "train", "q", gold, metadata=metadata or {}))


@pytest.mark.parametrize(
    "response", ["0.5", " .5 ", "5e-1", "1/2", "$0.50", "so #### 0.5", "\\boxed{0.5}", "0.50000001"]
)
def test_numeric_correct(response: str) -> None:
    assert grade("numeric", response, "0.5") == Grade(Verdict.CORRECT, 1.0, "0.5")


def test_numeric_other_verdicts() -> None:
    assert grade("numeric", "0.501", "#### 0.5") == Grade(Verdict.WRONG, 0.0, "0.501")
    assert grade("numeric", "1e400", "0.5") == Grade(Verdict.NO_ANSWER, 0.0)
    for nothing in ("", "nan", "inf", "1_0", "it has 3 legs and 0.5 heads", "\u0665"):
        assert grade("numeric", nothing, "0.5") == Grade(Verdict.NO_ANSWER, 0.0)
    assert grade("numeric", "0.5", "many") == Grade(Verdict.GOLD_UNPARSEABLE, 0.0, "0.5")


@given(st.text(max_size=200))
def test_numeric_takes_any_text(text: str) -> None:
    assert grade("numeric", text, "1").verdict.is_fact

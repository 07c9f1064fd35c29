"""Verdicts: facts about a response, and failures to grade."""

from __future__ import annotations

import pytest

from rise_core.records import Verdict, is_fact

FACTS = {Verdict.CORRECT, Verdict.WRONG, Verdict.NO_ANSWER}


@pytest.mark.parametrize("verdict", Verdict)
def test_a_failure_to_grade_is_no_fact_about_the_response(verdict: Verdict) -> None:
    assert verdict.is_fact is is_fact(verdict.value) is (verdict in FACTS)


def test_an_ungraded_response_is_no_fact_and_an_unknown_verdict_is_refused() -> None:
    assert not is_fact(None)
    with pytest.raises(ValueError, match="'maybe' is not a verdict"):
        is_fact("maybe")

"""Answers in boxes."""

from __future__ import annotations

import pytest

from rise_core.verifiers.extract import last_boxed


@pytest.mark.parametrize(
    ("text", "boxed"),
    [
        ("\\boxed{a}", "a"),
        ("\\boxed{a{b}c}", "a{b}c"),
        ("\\boxed {a} \\boxed{b", "a"),
        ("\\boxed{\\{1,2\\}}", "\\{1,2\\}"),
        ("\\boxed{a \\boxed{b}}", "b"),
        ("}}\\boxed{a}", "a"),
        ("{\\boxed{a}", "a"),
        ("\\boxed a", None),
        ("boxed{a}", None),
        ("\\boxed{a", None),
    ],
)
def test_the_last_balanced_box(text: str, boxed: str | None) -> None:
    assert last_boxed(text) == boxed

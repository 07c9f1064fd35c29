"""Verifiers by name."""

from __future__ import annotations

import pytest

from rise_core.errors import UserError
from rise_core.verifiers import NAMES, get


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(UserError, match="no verifier 'gsm9k'; choose from gsm8k, math, gsm8k_reference"):
        get("gsm9k")
    assert all(callable(get(name).grade) for name in NAMES)

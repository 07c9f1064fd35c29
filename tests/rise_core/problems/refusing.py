"""A config whose problems must be refused."""

from __future__ import annotations

import pytest

from rise.core.config.keys import Config
from rise.core.errors import UserError
from rise.core.problems import load_problems


def refusal(config: Config) -> str:
    """The one line with which its problems are refused."""
    with pytest.raises(UserError) as caught:
        load_problems(config)
    message = str(caught.value)
    assert "\n" not in message
    return message

"""The shared grading pools end with the last test of this folder."""

from __future__ import annotations

import pytest

from tests.rise_core.verifiers.grading import close_shared_pools


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Close the shared pools before a test of another folder."""
    if nextitem is None or nextitem.path.parent != item.path.parent:
        close_shared_pools()

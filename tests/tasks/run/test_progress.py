"""Keys of progress artifacts."""

from __future__ import annotations

import pytest

from tasks.run.progress import artifact_key


@pytest.mark.parametrize("run", ["r1", "R_1-x", "a" * 64])
def test_a_key_is_made_of_what_prefect_takes(run: str) -> None:
    key = artifact_key(run, "metrics")
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_runs_share_no_key() -> None:
    assert len({artifact_key(run, "plot") for run in ("a-b", "a_b", "A-b", "A_B")}) == 4

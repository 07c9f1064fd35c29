from __future__ import annotations

from pathlib import Path

import pytest

from rise.tasks.run.inputs import check_early, check_inputs
from tests.flows.command import TINY


def test_what_the_command_line_checked_is_handed_to_the_flow_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISE_HOME", str(tmp_path))
    early = check_early("r", TINY, ["seed=1"])

    assert check_inputs("r", TINY, ["seed=2"]).config.seed == 2
    assert check_inputs("r", TINY, ["seed=1"]) is early
    assert check_inputs("r", TINY, ["seed=1"]) is not early

"""Programs and data that a machine may lack: a test that needs one is skipped with the remedy as its reason."""

from __future__ import annotations

import shutil

import pytest


def chromium_path() -> str:
    """The path of Chromium; skips the test on a machine without Chromium."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium: `sudo deployments/browser.sh` installs it")
    return path

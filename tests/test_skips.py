"""A test skips where the machine lacks a program, and the reason is the remedy. CI accepts the lack of a GPU only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REMEDY = "needs Chromium: `sudo deployments/browser.sh` installs it"


def run_skipped(folder: Path, reason: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Run a skipping test in a process of its own under the hooks of tests/conftest.py, as `make test` does."""
    (folder / "test_skipped.py").write_text(f"import pytest\n\ndef test_page():\n    pytest.skip({reason!r})\n")
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest", "-n", "1"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [*command, "--dist", "loadfile", str(folder)],
        env=variables | {"CI": ci}, cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "ci", "status"),
    [(REMEDY, "", 0), (REMEDY, "true", 1), ("no GPU: nvidia-smi lists none", "true", 0)],
)
def test_ci_refuses_a_skip_that_another_machine_only_lists(tmp_path: Path, reason: str, ci: str, status: int) -> None:
    result = run_skipped(tmp_path, reason, ci)
    assert result.returncode == status, result.stdout
    assert f"test_skipped.py:4: {reason}" in result.stdout, "the reason is listed"
    assert ("skipped, which CI does not accept" in result.stdout) is bool(status)


def test_a_browser_test_skips_without_chromium(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.needs import chromium_path

    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.skip.Exception, match="needs Chromium"):
        chromium_path()

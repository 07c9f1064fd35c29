"""A test skips where the machine lacks a program, and the reason is the remedy. CI accepts the lack of a GPU only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REMEDY = "needs Chromium: `sudo deployments/browser.sh` installs it"
NO_GPU = "no GPU: nvidia-smi lists none"


def run_skipped(folder: Path, *reasons: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Run skipping tests in a process of its own under the hooks of tests/conftest.py, as `make test` does."""
    tests = [f"def test_{number}():\n    pytest.skip({reason!r})\n" for number, reason in enumerate(reasons)]
    (folder / "test_skipped.py").write_text("\n".join(["import pytest\n", *tests]))
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [*command, "-n", "1", "--dist", "loadfile", str(folder)],
        env=variables | {"CI": ci}, cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_ci_refuses_a_skip_for_another_reason_than_a_gpu(tmp_path: Path) -> None:
    result = run_skipped(tmp_path, REMEDY, NO_GPU, ci="true")
    assert result.returncode == 1, result.stdout
    _, _, end = result.stdout.partition("skipped, which CI does not accept")
    refused, listed = end.split("short test summary info")
    assert REMEDY in listed
    assert NO_GPU in listed
    assert REMEDY in refused
    assert NO_GPU not in refused


@pytest.mark.parametrize(("reason", "ci"), [(REMEDY, ""), (NO_GPU, "true")])
def test_other_skips_are_listed_and_the_tests_pass(tmp_path: Path, reason: str, ci: str) -> None:
    result = run_skipped(tmp_path, reason, ci=ci)
    assert result.returncode == 0, result.stdout
    assert f"test_skipped.py:4: {reason}" in result.stdout
    assert "CI does not accept" not in result.stdout


def test_a_browser_test_skips_without_chromium(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.needs import chromium_path

    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.skip.Exception, match="needs Chromium"):
        chromium_path()

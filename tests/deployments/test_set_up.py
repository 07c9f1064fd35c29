"""deployments/setup.sh on a small project with real uv: reasons to install, and reasons to do nothing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

# A minimal project: set-up looks for the command `rise` and imports torch at the end.
PYPROJECT = """
[project]
name = "small"
version = "1"
[project.scripts]
rise = "torch:main"
[tool.setuptools]
py-modules = ["torch"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "deployments", tmp_path / "deployments")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/cpu.txt").write_text("iniconfig==2.3.1\n")
    (tmp_path / "requirements/cuda.txt").write_text("")
    (tmp_path / "requirements/dev.txt").write_text("mdurl==0.1.2\n")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "torch.py").write_text("def main(): ...\n")
    return tmp_path


def set_up(project: Path, flavour: str = "cpu") -> subprocess.CompletedProcess[str]:
    path = f"{ROOT / '.uv/bin'}:{os.environ['PATH']}"
    return subprocess.run(
        [project / "deployments/setup.sh"],
        env=os.environ | {"FLAVOUR": flavour, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )


def installed(project: Path, flavour: str = "cpu") -> bool:
    """Run set-up and tell whether packages were installed."""
    result = set_up(project, flavour)
    assert result.returncode == 0, result.stderr
    return "installing" in result.stderr


def packages(project: Path) -> set[str]:
    folders = (project / ".venv/lib/python3.11/site-packages").glob("*.dist-info")
    return {path.name.removesuffix(".dist-info") for path in folders}


def test_it_installs_once_and_again_only_when_something_changed(project: Path) -> None:
    assert installed(project)
    assert packages(project) == {"iniconfig-2.3.1", "mdurl-0.1.2", "small-1"}
    assert not installed(project)

    for file in project.rglob("*.t*"):  # a fresh checkout: other times, the same content
        os.utime(file)
    assert not installed(project)

    (project / "requirements/dev.txt").write_text("iniconfig==2.3.1\n")
    assert installed(project)
    assert packages(project) == {"iniconfig-2.3.1", "small-1"}
    assert not installed(project)


def test_a_damaged_environment_is_made_again(project: Path) -> None:
    assert installed(project)
    stray = project / ".venv/stray"

    stray.touch()
    (project / ".venv/bin/python").unlink()
    assert installed(project)
    assert not stray.exists()

    stray.touch()
    (project / "torch.py").write_text("raise ImportError\n")
    (project / "pyproject.toml").write_text(PYPROJECT + "\n")
    assert set_up(project).returncode == 1  # as if interrupted: a failed install does not count
    (project / "torch.py").write_text("def main(): ...\n")
    assert installed(project)
    assert not stray.exists()


def test_a_moved_project_is_set_up_again(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert installed(project)

    moved = project.rename(tmp_path_factory.mktemp("moved") / "project")

    assert installed(moved)
    assert subprocess.run([moved / ".venv/bin/rise"], check=False).returncode == 0


def test_another_flavour_starts_from_nothing(project: Path) -> None:
    assert installed(project)
    stray = project / ".venv/stray"
    stray.touch()

    assert installed(project, "cuda")
    assert packages(project) == {"mdurl-0.1.2", "small-1"}
    assert not stray.exists()
    assert not installed(project, "cuda")


def test_an_unknown_flavour_is_refused(project: Path) -> None:
    result = set_up(project, "tpu")

    assert result.returncode == 2
    assert result.stderr == "set-up: FLAVOUR is 'tpu'; it must be cpu or cuda\n"
    assert not (project / ".venv").exists()

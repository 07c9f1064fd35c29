"""The wheel adds the single name `rise` to an environment, and works from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deployments.wheel import inside_rise

ROOT = Path(__file__).resolve().parents[2]
FILES = ("pyproject.toml", "README.md", "LICENSE")
FOLDERS = ("conf", "deployments", "flows", "rise", "rise_core", "storage", "tasks")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
USE = """
import sys
import tasks  # the user's own module of this name
import rise
from rise.flows.cli.app import app
config = rise.load_config("demo", ["collect.problems=100"])
grade = rise.get_verifier("gsm8k").grade("#### 18", rise.Problem("p", "eval", "?", "18"))
print(tasks.OWN, config.collect.problems, grade.verdict.value, rise.__file__)
print([name for name in ("flows", "storage", "rise_core") if name in sys.modules])
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "source").mkdir()
    for name in FILES:  # a copy, since the build writes beside the sources
        shutil.copy(ROOT / name, folder / "source")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / "source" / name)
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=folder / "source", check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_the_wheel_holds_one_package_with_pages_and_profiles(installed: Path) -> None:
    names = sorted(path.name for path in installed.iterdir())
    assert [name for name in names if not name.endswith(".dist-info")] == ["rise"]
    for folder in ("tasks/report/assets", "conf", "conf/baselines"):
        source = {file.name for file in (ROOT / folder).iterdir() if file.is_file()}
        assert source <= {file.name for file in (installed / "rise" / folder).iterdir()}


def test_an_installed_rise_stands_beside_a_user_s_own_module_of_a_common_name(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("OWN = 'mine'\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(installed)])}
    done = subprocess.run(
        [sys.executable, "-P", "-c", USE], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith(f"mine 100 correct {installed}")
    assert second == "[]", "nothing of the checkout was imported"


def test_imports_move_with_their_packages() -> None:
    assert inside_rise("    from storage.lake import Lake\nfrom tasks import x\n", "m.py") == (
        "    from rise.storage.lake import Lake\nfrom rise.tasks import x\n"
    )
    assert inside_rise("from tasks_of import x  # from storage import\n", "m.py") == (
        "from tasks_of import x  # from storage import\n"
    )


def test_an_import_that_binds_a_package_s_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"m\.py: write `from … import …` instead of `import storage"):
        inside_rise("import storage.lake\n", "m.py")

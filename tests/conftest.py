"""Fixtures of all tests: tiers, shared services, finished runs to read, and the rule about skipped tests."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.command import TINY, finished, processes_of

# A shell starts background jobs with SIGINT ignored, and children inherit this: `make test &` could not test Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.rise_core.answering.teacher_fixtures"]  # a vLLM server for tests of two folders

# -- tiers and order ---------------------------------------------------------------------------------------------------

# Fixture → marker. A test that uses the fixture, directly or through another fixture, gets the marker.
TIERS = {"whole": "service", "ray_session": "service", "prefect_server": "service", "teacher_server": "service"}
TIERS |= {"served": "deployment", "chromium": "browser"}
SLOW = ("service", "run", "fault", "deployment", "browser")  # early, so that short files fill the end


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their fixtures, and order the files."""
    needs: dict[Path, set[str]] = defaultdict(set)  # file → fixtures and markers of all tests
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for fixture in TIERS.keys() & fixtures:
            item.add_marker(TIERS[fixture])
        needs[item.path] |= fixtures | {marker.name for marker in item.iter_markers()}
    items.sort(key=lambda item: rank(item.path, needs[item.path]))


def rank(file: Path, needs: set[str]) -> int:
    """Order files: the start of `whole`, tests of a process without Ray, other services, users of `whole`, the rest.

    The first file starts the run `whole`, so the other process finds the run finished when tests of `whole` come up.
    """
    if file.name == "test_one_iteration.py":
        return 0
    if "no_ray" in needs:
        return 1
    if "whole" in needs:
        return 3
    return 2 if needs & set(SLOW) else 4


# Path → group. Under `-n 2` each file runs in one process; the files of a group run in the same process, since every
# process starts its own Ray, teacher and `make server`.
GROUPS = {
    "tests/deployments/test_browser.py": "make server",
    "tests/deployments/test_deployment.py": "make server",
    "tests/deployments/test_limits.py": "make server",
    "tests/deployments/test_operating.py": "make server",
    "tests/flows/test_endpoint_teacher.py": "teacher",
    "tests/rise_core/answering/test_local_teacher.py": "Ray",  # before the row of its folder: the first match counts
    "tests/rise_core/answering/": "teacher",
    "tests/rise_core/engine/": "Ray",
}


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):
        """Hands out whole groups, and whole files without a group, in the order of collection."""

        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((group for path, group in GROUPS.items() if file.startswith(path)), file)

    return Grouped(config, log)


# -- skipped tests -----------------------------------------------------------------------------------------------------

ALLOWED = ("no GPU", "no shared data")  # reasons that CI accepts; a reason ends with the command that brings the thing


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the skipped tests that CI does not accept; `-ra` has listed all skips with their reasons."""
    if refused := refused_skips(terminalreporter):
        terminalreporter.section("skipped, which CI does not accept", red=True, bold=True)
        for reason in sorted(refused):
            terminalreporter.line(reason)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session under CI=true when a test was skipped for another reason than the allowed ones."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and session.exitstatus == pytest.ExitCode.OK and refused_skips(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def refused_skips(reporter: pytest.TerminalReporter) -> set[str]:
    """Reasons of skipped tests that CI does not accept; none outside of CI."""
    if os.environ.get("CI") != "true":
        return set()
    reports = [report for report in reporter.stats.get("skipped", []) if isinstance(report.longrepr, tuple)]
    reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in reports}
    return {reason for reason in reasons if not reason.startswith(ALLOWED)}


# -- services, one of each in a process --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One local Ray for all tests of this process, with logical CPUs for two training workers and a controller.

    Code under test that calls `cluster.connect` uses this Ray and leaves it alone.
    """
    from rise_core import cluster

    with cluster.connect(logical_cpus=3):
        yield


@pytest.fixture(scope="module")
def no_ray() -> None:
    """No Ray is connected in this process: for tests that start a Ray of their own, or claim that none starts."""
    import ray

    assert not ray.is_initialized()


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server, with an empty database, for all flow and task runs inside this process."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


# -- finished runs -----------------------------------------------------------------------------------------------------

MakeOnce = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """Makes a folder that all processes of the test run share; the first to ask fills it, the others wait."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        folder, done = root / name, root / f"{name}.done"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                folder.mkdir()
                fill(folder)
                done.touch()
        assert done.exists()
        return folder

    return make


@pytest.fixture(scope="session")
def whole(make_once: MakeOnce) -> Path:
    """The home of an undisturbed run `whole` of two iterations, as one `rise run` leaves it.

    `printed.txt` in the home holds the printed metrics, `left.txt` the command lines of processes that outlived the
    command by half a minute. Tests read this home. A test that writes copies the home first (`shutil.copytree`).
    """

    def fill(folder: Path) -> None:
        home = folder / "home"
        (folder / "printed.txt").write_text(finished(home, "run", TINY, "--run", "whole"))
        deadline = time.monotonic() + 30
        while (left := processes_of(home)) and time.monotonic() < deadline:
            time.sleep(0.1)
        (folder / "left.txt").write_text("\n".join(left))
        for name in ("printed.txt", "left.txt"):
            (folder / name).rename(home / name)

    return make_once("whole", fill) / "home"

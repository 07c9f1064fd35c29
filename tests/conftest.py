"""Fixtures of all tests: the tiers, shared services, finished runs to read, and the rule about skipped tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.command import TINY, finished

# A shell starts background jobs with SIGINT ignored, and children inherit this: `make test &` could not test Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.rise_core.answering.teacher_fixtures"]  # a vLLM server for tests of two folders

# Fixture → marker. A test that uses the fixture, directly or through another fixture, gets the marker.
TIERS = {"whole": "service", "ray_session": "service", "prefect_server": "service", "chromium": "browser"}
TIERS |= {"teacher_server": "service", "served": "deployment", "page": "browser"}
LAST = ("prefect_server", "ray_session")  # session services: tests without them run before, in a clean process


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their fixtures, and move the tests of the session's services to the end."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in TIERS:
                item.add_marker(TIERS[fixture])
    items.sort(key=lambda item: sum(fixture in getattr(item, "fixturenames", ()) for fixture in LAST))


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


# -- services, one of each for the whole session -----------------------------------------------------------------------


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One local Ray for all tests of this process, with logical CPUs for two training workers and a controller.

    Code under test that calls `cluster.connect` uses this Ray and leaves it alone.
    """
    from rise.core import cluster

    with cluster.connect(logical_cpus=3):
        yield


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server, with an empty database, for all flow and task runs inside this process."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


# -- finished runs -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an undisturbed run `whole` of two iterations; `printed.txt` in the home holds the printed metrics.

    Tests read this home. A test that writes copies the home first (`shutil.copytree`).
    """
    home = tmp_path_factory.mktemp("whole") / "home"
    printed = finished(home, "run", TINY, "--run", "whole")
    (home / "printed.txt").write_text(printed)
    return home

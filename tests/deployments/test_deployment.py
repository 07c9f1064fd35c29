"""prefect.yaml end to end: a real Prefect server and process worker, a deployed flow run, and its rows in the lake."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = ROOT / "tests/profiles/tiny.yaml"
BIN = Path(sys.executable).parent
Environment = dict[str, str]


def call(env: Environment, *command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Runs one of the environment's commands to its end."""
    name, *arguments = command
    return subprocess.run([BIN / name, *arguments], env=env, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def checked(env: Environment, *command: str, timeout: float = 120) -> str:
    result = call(env, *command, timeout=timeout)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@contextmanager
def running(env: Environment, log: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its children in a group of their own, all ended at exit."""
    name, *arguments = command
    with log.open("wb") as output:
        process = subprocess.Popen(
            [BIN / name, *arguments], env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, sign)
                process.wait(timeout=15)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 (a loopback address)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail(f"no Prefect server at {url}:\n{log.read_text()}")


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The environment of a server with a worker and the deployments; nothing of the user's own Prefect is touched."""
    folder = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RISE_", "RAY_"))
    }
    env = inherited | {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "RISE_HOME": str(folder / "rise-home"),
    }
    log = folder / "server.log"
    with running(env, log, "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)) as server:
        wait_until_up(f"{env['PREFECT_API_URL']}/health", server, log, seconds=120)
        checked(env, "prefect", "work-pool", "create", "rise", "--type", "process")
        deploy(env)
        with running(env, folder / "worker.log", "prefect", "worker", "start", "--pool", "rise"):
            yield env


def deploy(env: Environment) -> None:
    checked(env, "prefect", "--no-prompt", "deploy", "--all")


def deployed(env: Environment) -> dict[str, Any]:
    """What the server knows about rise/iterate."""
    deployment: dict[str, Any] = json.loads(
        checked(env, "prefect", "deployment", "inspect", "rise/iterate", "-o", "json")
    )
    return deployment


def query(env: Environment, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(checked(env, "rise", "query", sql, "--format", "json"))
    return rows


def test_the_deployment_carries_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]

    assert {str(deployment["version"]) for deployment in deployments} == {project["version"]}


@pytest.mark.slow
def test_deploying_twice_leaves_one_deployment_that_runs_from_this_folder(env: Environment) -> None:
    first = deployed(env)
    deploy(env)
    second = deployed(env)

    assert first["id"] == second["id"]
    assert second["pull_steps"] == [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}]
    assert second["work_pool_name"] == "rise"
    assert second["parameters"] == {"profile": "demo", "iterations": 1}


@pytest.mark.slow
def test_a_run_without_a_name_is_refused(env: Environment) -> None:
    result = call(env, "prefect", "deployment", "run", "rise/iterate")

    assert result.returncode == 1
    assert "'run' is a required property" in " ".join(result.stdout.split() + result.stderr.split())


@pytest.mark.slow
def test_a_deployed_run_fills_the_lake(env: Environment) -> None:
    # With a user's own verifier, which the worker's flow run and its grading processes find in their folder.
    own = json.dumps(["verify.verifier=tests.rise_core.verifiers.own_rules:whole_text"])
    given = {"run": "deployed", "profile": TINY, "overrides": own}
    parameters = [f"--param={name}={value}" for name, value in given.items()]
    watch = ["--watch", "--watch-timeout", "600"]
    result = call(env, "prefect", "deployment", "run", "rise/iterate", *parameters, *watch, timeout=660)

    assert result.returncode == 0, result.stdout + (Path(env["PREFECT_HOME"]) / "worker.log").read_text()

    assert query(env, "SELECT run FROM runs") == [{"run": "deployed"}]
    assert query(env, "SELECT DISTINCT iteration FROM metrics WHERE run = 'deployed' ORDER BY 1") == [
        {"iteration": 0},
        {"iteration": 1},
    ]
    purposes = query(env, "SELECT DISTINCT purpose FROM rollouts WHERE run = 'deployed' AND iteration = 1 ORDER BY 1")
    assert [row["purpose"] for row in purposes] == ["collect", "eval_parallel", "eval_sequential"]
    assert query(env, "SELECT count(*) > 0 AS some FROM examples WHERE run = 'deployed' AND iteration = 1") == [
        {"some": True}
    ]
    assert query(env, "SELECT count(*) AS n FROM checkpoints WHERE run = 'deployed' AND iteration = 1") == [{"n": 1}]
    assert query(env, "SELECT DISTINCT answer[:4] AS own, verdict IN ('correct', 'wrong') AS graded FROM rollouts") == [
        {"own": "own ", "graded": True}
    ]

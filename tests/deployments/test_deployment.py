"""prefect.yaml and `make server` on a real Prefect server: deployments, restarts and refusals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from deployments.server import is_healthy, pages_url
from flows.local.environment import QUIET
from rise_core.config.profiles import profiles
from tests.deployments.served import BIN, Served, free_port
from tests.flows.command import ROOT, environment, living, rise

DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


def test_the_deployments_carry_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert {str(deployment["version"]) for deployment in DEPLOYMENTS} == {project["version"]}


def test_flow_runs_of_any_worker_send_heartbeats_and_no_telemetry() -> None:
    for deployment in DEPLOYMENTS:
        env = deployment["work_pool"]["job_variables"]["env"]
        assert QUIET.items() <= env.items()
        assert int(env["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) == 30


def test_deploying_again_changes_nothing(served: Served) -> None:
    def known() -> list[Any]:
        deployments = [served.deployment(name) for name in ("iterate", "nightly")]
        limits = served.ask("POST", "/v2/concurrency_limits/filter", {})
        return lasting([deployments, limits, served.ask("POST", "/automations/filter", {})])

    first = known()
    served.checked("prefect", "--no-prompt", "deploy", "--all")
    served.checked("prefect", "--no-prompt", "deploy", "--all")

    assert known() == first
    iterate, nightly = served.deployment("iterate"), served.deployment("nightly")
    assert iterate["pull_steps"] == [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}]
    assert iterate["parameters"] == {"profile": "demo", "iterations": 1}
    assert iterate["parameter_openapi_schema"]["properties"]["profile"]["anyOf"][0]["enum"] == profiles()
    assert "0 2 * * *" in served.checked("prefect", "deployment", "schedule", "ls", "rise/nightly")
    served.checked("prefect", "work-pool", "create", "another", "--type", "process")
    assert [s["schedule"]["cron"] for s in nightly["schedules"]] == ["0 2 * * *"]
    assert [s["schedule"]["timezone"] for s in nightly["schedules"]] == ["Etc/UTC"]
    assert nightly["parameters"] == {"run": "nightly", "profile": "demo", "iterations": 1}
    assert "gpu" in [limit["name"] for limit in first[1]]
    assert [automation["name"] for automation in first[2]] == ["rise: crashed flow runs"]


def lasting(answer: Any) -> Any:
    """Drop the fields that a server or a worker updates by itself."""
    if isinstance(answer, list):
        return [lasting(each) for each in answer]
    if isinstance(answer, dict):
        return {
            name: lasting(value) for name, value in answer.items() if name not in ("updated", "last_polled", "status")
        }
    return answer


def test_the_coming_nights_are_scheduled(served: Served) -> None:
    filters = {
        "deployments": {"name": {"any_": ["nightly"]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }

    def nights() -> set[str]:
        return {flow_run["expected_start_time"][11:19] for flow_run in served.ask("POST", "/flow_runs/filter", filters)}

    served.until(lambda: bool(nights()), "scheduled nights", timeout=90)
    assert nights() == {"02:00:00"}


def test_a_second_start_says_that_it_runs(served: Served) -> None:
    def pids() -> list[int]:
        return [served.pid(name) for name in ("server", "reports", "worker")]

    before = pids()

    assert served.server("start") == f"running already: {served.url} (`make stop` ends it)\n"
    assert pids() == before


def make(served: Served, command: str, secret: str = "", port: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `make server` or `make stop` with a password and a port (default: none, the port of `served`)."""
    program = [BIN / "python", "-m", "deployments.server", command, "--port", str(port or served.port)]
    env = served.env | ({"PREFECT_API_AUTH_STRING": secret} if secret else {})
    return subprocess.run(program, env=env, cwd=ROOT, capture_output=True, text=True, timeout=420)


def started(served: Served, secret: str, port: int = 0) -> str:
    result = make(served, "start", secret, port)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def kill(served: Served, name: str) -> None:
    """Kill the server, the pages or the worker, and wait for the end."""
    pid = served.pid(name)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    served.until(lambda: pid not in living(served.home), f"end of the {name}")


@pytest.fixture
def as_before(served: Served) -> Iterator[None]:
    """Bring the server back without a password, on the first port."""
    yield
    kill(served, "server")
    started(served, "")
    assert is_healthy(served.url)


@pytest.mark.deployment
def test_what_died_comes_back_with_the_servers_password_and_port_only(served: Served, as_before: None) -> None:
    def are_pages_shown() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", served.port + 1)) == 0

    secret, worker = "somebody:a-long-password", served.pid("worker")
    kill(served, "server")
    assert f"stopping the worker (process {worker})" in started(served, secret), "it still knows another password"

    kill(served, "reports")
    assert make(served, "start").returncode != 0, "without the server's password nothing can be deployed"
    assert not are_pages_shown()
    started(served, secret)
    assert httpx.get(f"{served.pages}/runs/demo/report.html").status_code == httpx.codes.UNAUTHORIZED

    worker = served.pid("worker")
    kill(served, "server")
    started(served, secret)
    assert served.pid("worker") == worker, "its flow runs in progress go on"

    kill(served, "server")
    with socket.create_server(("127.0.0.1", 0)) as other_program:
        assert make(served, "start", secret, other_program.getsockname()[1]).returncode != 0
    assert worker in living(served.home), "nothing is ended for a start that is refused"

    elsewhere = free_port(row=2)
    started(served, secret, elsewhere)
    assert worker not in living(served.home), "it still asks the old port"
    asked = psutil.Process(served.pid("worker")).environ()["PREFECT_API_URL"]
    assert asked == f"http://127.0.0.1:{elsewhere}/api"


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        (("run=not a name",), "does not match"),
        (("run=a", "iterations=-1"), "less than the minimum"),
        (("run=a", "iterations=1.5"), "is not valid under any of the given schemas|is not of type"),
        ((), "'run' is a required property"),
    ],
)
def test_the_server_refuses_what_the_form_does_not_allow(
    served: Served, parameters: tuple[str, ...], complaint: str
) -> None:
    result = served.call(
        "prefect", "deployment", "run", "rise/iterate", *(f"--param={parameter}" for parameter in parameters)
    )

    assert result.returncode == 1
    printed = " ".join((result.stdout + result.stderr).split())
    assert any(words in printed for words in complaint.split("|")), printed


def test_a_wrong_value_is_refused_in_the_words_of_the_command_line(served: Served, tmp_path: Path) -> None:
    override = "collect.problem=3"
    flow_run = served.begin("iterate", run="wrong", overrides=[override])

    printed = rise(tmp_path, "run", "demo", override, "--run", "wrong")
    state = served.ended(flow_run)

    assert printed.returncode == 2
    words = printed.stderr.strip().splitlines()[-1].removeprefix("rise: ")
    assert state["type"] == "FAILED"
    assert state["message"].endswith(words)
    assert "\n" not in state["message"]


@pytest.mark.parametrize("behind", [0, 1])
def test_another_program_on_a_port_is_named(tmp_path: Path, behind: int) -> None:
    """On the server's port, or on the next one: the port of the report pages."""
    port = free_port(2)
    command = [str(BIN / "python"), "-m", "deployments.server", "start", "--port", str(port)]

    with socket.create_server(("127.0.0.1", port + behind)):
        result = subprocess.run(
            command, env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=60
        )

    assert result.returncode == 2
    taken = f"port {port + behind} of 127.0.0.1 is taken by another program"
    assert result.stderr == f"make server: {taken}: make server PORT={port + behind + 2}\n"
    assert not list((tmp_path / "server").glob("*.pid"))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "http://127.0.0.1:4301"),
        ({"RISE_REPORTS_URL": ""}, "http://127.0.0.1:4301"),
        ({"RISE_REPORTS_URL": "http://127.0.0.1:4201"}, "http://127.0.0.1:4301"),  # set by an earlier start
        ({"RISE_REPORTS_URL": "https://host/rise/"}, "https://host/rise"),
    ],
)
def test_the_address_of_the_pages_is_their_own_where_no_other_is_set(environ: dict[str, str], expected: str) -> None:
    assert pages_url(environ, 4301) == expected


def test_report_pages_that_died_are_started_again_where_they_were(served: Served) -> None:
    before = {name: served.pid(name) for name in ("server", "reports", "worker")}
    kill(served, "reports")

    assert "RISE is ready" in served.server("start")

    assert httpx.get(f"{served.pages}/runs/none/report.html").status_code == httpx.codes.NOT_FOUND
    after = {name: served.pid(name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"reports"}

"""A run with a second local model as teacher and two training workers, watched from outside.

The claims: where the processes listen, who is let in, which engines live while training, and no secret gets out.
"""

from __future__ import annotations

import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.flows.command import RISE, TINY, environment, kill_group, living, processes_of, query
from tests.flows.moments import training
from tests.flows.taught import TURNS, check_taught, make_teacher

pytestmark = pytest.mark.run

RUN = "taught"
LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
PLANTED = {
    "PREFECT_API_AUTH_STRING": "rise:planted-7d21",
    "PGPASSWORD": "planted-90aa",
    "AWS_SECRET_ACCESS_KEY": "planted-4c5e",
    "OPENAI_API_KEY": "planted-1f0b",
    "HF_TOKEN": "planted-66d3",
}


class Watch:
    """The processes of a home over time: listening addresses, command lines, engines at the first training step."""

    def __init__(self, home: Path, teacher: Path) -> None:
        self.home, self.teacher = home, f"teacher:{teacher}"
        self.mark = f"RISE_HOME={home}".encode()
        self.addresses: set[tuple[str, str]] = set()
        self.commands: set[str] = set()
        self.answers: dict[int, tuple[int, int]] = {}  # port of the Prefect server: status without and with password
        self.engines: list[str] | None = None
        self.printed = ""

    def look(self) -> None:
        for entry in Path("/proc").iterdir():
            with suppress(OSError, psutil.Error):  # the process has ended
                if not entry.name.isdigit() or self.mark not in (entry / "environ").read_bytes().split(b"\0"):
                    continue
                process = psutil.Process(int(entry.name))
                command = " ".join(process.cmdline())
                self.commands.add(command)
                for socket in process.net_connections("inet"):
                    if socket.status == psutil.CONN_LISTEN:
                        self.addresses.add((socket.laddr.ip, command))
                        if "flows.local.prefect_server" in command:
                            self.knock(socket.laddr.port)
        if self.engines is None and training(RUN)(self.home):
            self.engines = [command for command in living(self.home).values() if "ray::EngineActor" in command]

    def knock(self, port: int) -> None:
        if port not in self.answers:
            url = f"http://127.0.0.1:{port}/api/flow_runs/filter"
            user, _, password = PLANTED["PREFECT_API_AUTH_STRING"].partition(":")
            with suppress(httpx.TransportError):  # not up yet
                statuses = [httpx.post(url, json={}, auth=login).status_code for login in (None, (user, password))]
                self.answers[port] = (statuses[0], statuses[1])


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """The watch over a finished run of one iteration."""
    folder = tmp_path_factory.mktemp("watched")
    watch = Watch(folder / "home", make_teacher(folder / "weights"))
    command = ["run", TINY, "--run", RUN, "iterations=1", "train.workers=2", TURNS]
    command += [f"teacher.model={folder / 'weights'}"]
    command += ["teacher.engine={max_model_len: 96, kv_cache_gib: 0.01, threads: 1}"]
    with (folder / "out.txt").open("wb") as out:
        process = subprocess.Popen(
            [RISE, *command], env=environment(watch.home) | PLANTED, stdout=out, stderr=out, start_new_session=True
        )
        try:
            deadline = time.monotonic() + 600
            while process.poll() is None and time.monotonic() < deadline:
                watch.look()
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                kill_group(process)
    watch.printed = (folder / "out.txt").read_text(errors="replace")
    assert process.returncode == 0, watch.printed[-4000:]
    assert processes_of(watch.home) == []
    return watch


def test_a_run_listens_on_loopback_only(watched: Watch) -> None:
    listeners = " ".join(command for _, command in watched.addresses)
    for name in ("flows.local.prefect_server", "gcs_server", "raylet", "EngineActor", "RayTrainWorker"):
        assert name in listeners, f"the case needs {name}"
    assert [address for address in watched.addresses if address[0] not in LOOPBACK] == []


def test_the_server_takes_the_password_and_nothing_without_it(watched: Watch) -> None:
    assert set(watched.answers.values()) == {(401, 200)}


def test_no_secret_is_in_a_command_line_a_file_or_the_output(watched: Watch) -> None:
    token = Path.home() / ".ray" / "auth_token"  # Ray's own
    secrets = [value.rpartition(":")[2] for value in PLANTED.values()]
    secrets += [token.read_text().strip()] if token.exists() else []
    hidden = re.compile(b"|".join(re.escape(secret.encode()) for secret in secrets))
    assert [command for command in watched.commands if hidden.search(command.encode())] == []
    assert not hidden.search(watched.printed.encode())
    files = [path for path in watched.home.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert [path for path in files if hidden.search(path.read_bytes())] == []


def test_a_second_local_model_teaches_a_run(watched: Watch) -> None:
    """Two pools of engines run side by side; only the learner's pool is left when training starts."""
    assert watched.engines is not None
    assert len(watched.engines) == 1, "the teacher's engine lived on, or the learner's ended"
    assert f"{watched.teacher}, in 1 engine(s) of its own" in watched.printed, "the cost is not told"
    check_taught(watched.home, watched.teacher)
    firsts = query(watched.home, "SELECT DISTINCT policy FROM rollouts WHERE purpose = 'collect' AND turn = 1")
    assert firsts == query(watched.home, "SELECT checkpoint_id AS policy FROM checkpoints WHERE iteration = 0")

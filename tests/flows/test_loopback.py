"""A whole run, watched: what it listens on, who is let in, and whether any of its secrets gets out."""

from __future__ import annotations

import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.flows.command import RISE, TINY, environment, kill_group

pytestmark = pytest.mark.run

LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
PLANTED = {
    "PREFECT_API_AUTH_STRING": "rise:planted-7d21",
    "PGPASSWORD": "planted-90aa",
    "AWS_SECRET_ACCESS_KEY": "planted-4c5e",
    "OPENAI_API_KEY": "planted-1f0b",
    "HF_TOKEN": "planted-66d3",
}
# Two training workers, which have to find each other; one evaluation of the base.
COMMAND = ("run", TINY, "--run", "watched", "iterations=0", "train.workers=2", "boost.optim.epochs=2")


class Watch:
    """What the processes of a home listen on, and their command lines."""

    def __init__(self, home: Path) -> None:
        self.mark = f"RISE_HOME={home}".encode()
        self.addresses: set[tuple[str, str]] = set()
        self.commands: set[str] = set()
        self.answers: dict[int, tuple[int, int]] = {}  # the Prefect server's port: status without and with the password

    def look(self) -> None:
        for entry in Path("/proc").iterdir():
            with suppress(OSError, psutil.Error):  # gone meanwhile
                if not entry.name.isdigit() or self.mark not in (entry / "environ").read_bytes().split(b"\0"):
                    continue
                process = psutil.Process(int(entry.name))
                command = " ".join(process.cmdline())
                self.commands.add(command)
                for socket in process.net_connections("inet"):
                    if socket.status == psutil.CONN_LISTEN:
                        self.addresses.add((socket.laddr.ip, command))
                        if "rise.flows.local.prefect_server" in command:
                            self.knock(socket.laddr.port)

    def knock(self, port: int) -> None:
        if port not in self.answers:
            url = f"http://127.0.0.1:{port}/api/flow_runs/filter"
            user, _, password = PLANTED["PREFECT_API_AUTH_STRING"].partition(":")
            with suppress(httpx.TransportError):  # not up yet
                statuses = [httpx.post(url, json={}, auth=who).status_code for who in (None, (user, password))]
                self.answers[port] = (statuses[0], statuses[1])


def test_a_run_listens_on_loopback_only_and_tells_no_secret(tmp_path: Path) -> None:
    home = tmp_path / "home"
    watch = Watch(home)
    with (tmp_path / "out.txt").open("wb") as out:
        process = subprocess.Popen(
            [RISE, *COMMAND], env=environment(home) | PLANTED, stdout=out, stderr=out, start_new_session=True
        )
        try:
            end = time.monotonic() + 600
            while process.poll() is None and time.monotonic() < end:
                watch.look()
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                kill_group(process)
    printed = (tmp_path / "out.txt").read_text(errors="replace")
    assert process.returncode == 0, printed[-4000:]

    listeners = " ".join(command for _, command in watch.addresses)
    for name in ("rise.flows.local.prefect_server", "gcs_server", "raylet", "EngineActor", "RayTrainWorker"):
        assert name in listeners, f"the case needs {name}"
    assert [found for found in watch.addresses if found[0] not in LOOPBACK] == []
    assert set(watch.answers.values()) == {(401, 200)}, "the server takes the password, and nothing without it"

    token = Path.home() / ".ray" / "auth_token"  # Ray's own
    secrets = [value.rpartition(":")[2] for value in PLANTED.values()]
    secrets += [token.read_text().strip()] if token.exists() else []
    hidden = re.compile(b"|".join(re.escape(secret.encode()) for secret in secrets))
    assert [command for command in watch.commands if hidden.search(command.encode())] == []
    assert not hidden.search(printed.encode())
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert [path for path in files if hidden.search(path.read_bytes())] == []

"""The report pages over HTTP, from a real server: pages, and nothing else of the home."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.deployments.served import free_port
from tests.flows.command import ROOT, environment

PAGE = "<!doctype html><title>demo · RISE report</title>"
SECRET = "what no page shows"  # noqa: S105


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one page, and with files and links that must not be shown."""
    home = tmp_path_factory.mktemp("home")
    others = ("lake/catalog.sqlite", "lake/data/report.html", "server/prefect.db", "runs/demo/lock", "runs/report.html")
    others += ("report.html", "runs/demo/report.html.7.part", "runs/.demo/report.html", f"runs/{'a' * 65}/report.html")
    for other in others:
        (home / other).parent.mkdir(parents=True, exist_ok=True)
        (home / other).write_text(SECRET)
    (home / "runs/demo/report.html").write_text(PAGE, encoding="utf-8")
    for run in ("empty", "linked"):
        (home / "runs" / run).mkdir()
    (home / "runs/linked/report.html").symlink_to(home / "lake/catalog.sqlite")
    (home / "runs/away").symlink_to(home / "lake/data")
    (home / "runs/folder/report.html").mkdir(parents=True)
    return home


@contextmanager
def shown(home: Path, **extra: str) -> Iterator[tuple[int, int]]:
    """Serve the pages of a home; yields port and process id."""
    port = free_port()
    command = [sys.executable, "-m", "deployments.reports", "--port", str(port)]
    with subprocess.Popen(
        command, env=environment(home) | extra, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while not listens("127.0.0.1", port):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield port, process.pid
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def port(home: Path) -> Iterator[int]:
    with shown(home) as (port, _):
        yield port


def listens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def sent(port: int, target: str, method: str = "GET") -> tuple[int, str]:
    """Send a target unchanged (other clients normalise paths); returns status and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, target)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, text


def test_a_page_is_shown_and_may_be_kept_until_it_is_written_anew(port: int, home: Path) -> None:
    url = f"http://127.0.0.1:{port}/runs/demo/report.html"

    first = httpx.get(url)

    assert (first.status_code, first.text) == (200, PAGE)
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in first.headers["content-security-policy"]
    assert httpx.get(f"{url}?from=mail").text == PAGE
    head = httpx.head(url)
    assert (head.status_code, head.text, head.headers["content-length"]) == (200, "", str(len(PAGE.encode())))

    known = {"If-None-Match": first.headers["etag"]}
    assert httpx.get(url, headers=known).status_code == httpx.codes.NOT_MODIFIED
    newer = home / "runs/demo/newer"
    newer.write_text(PAGE, encoding="utf-8")
    os.utime(newer, ns=(0, 0))
    newer.replace(home / "runs/demo/report.html")
    assert httpx.get(url, headers=known).text == PAGE


@pytest.mark.parametrize(
    "target",
    [
        *("/", "/runs", "/runs/", "/runs/demo", "/runs/demo/", "/report.html", "/runs/report.html", "/index.html"),
        *("/runs/demo/lock", "/runs/demo/report.html.7.part", "/runs/demo/report.html/", "/runs/demo/REPORT.HTML"),
        *("/lake/catalog.sqlite", "/lake/lake.ducklake", "/server/prefect.db", "/lake/data/report.html"),
        *("/runs/../report.html", "/runs/demo/../../report.html", "/runs/../lake/data/report.html", "../report.html"),
        *("/runs/%2e%2e/report.html", "/runs/%2E%2E/lake/data/report.html", "/runs/..%2flake%2fdata/report.html"),
        *("/runs/..%5c/report.html", "/runs/%252e%252e/report.html", "/runs/demo%2freport.html", "/runs/%64emo/lock"),
        *("/runs/demo/lock%00/report.html", "/runs/demo/report.html%0a", "/runs/.demo/report.html", "/etc/passwd"),
        *(f"/runs/{'a' * 65}/report.html", "/runs//report.html", "http://127.0.0.1/runs/demo/lock", "*"),
        *("/runs/empty/report.html", "/runs/none/report.html", "/runs/folder/report.html"),
        *("/runs/linked/report.html", "/runs/away/report.html"),  # links to other files of the home
    ],
)
def test_nothing_else_of_the_home_is_shown(port: int, target: str) -> None:
    status, text = sent(port, target)

    assert (status, text) == (404, "There is no such page.\n")


def test_every_reply_has_the_headers_that_protect_a_reader(port: int) -> None:
    """For a page, a missing page and a refused method."""
    url = f"http://127.0.0.1:{port}/runs/demo/report.html"
    page, missing, refused = httpx.get(url), httpx.get(f"{url}x"), httpx.post(url)

    for reply in (page, missing, refused):
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers.get_list("server") == ["RISE"]
    assert missing.headers["cache-control"] == refused.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(port: int, home: Path, method: str) -> None:
    status, _ = sent(port, "/runs/demo/report.html", method)

    assert status == httpx.codes.NOT_IMPLEMENTED
    assert (home / "runs/demo/report.html").read_text(encoding="utf-8") == PAGE


def test_it_listens_on_the_loopback_address_alone(home: Path) -> None:
    with shown(home) as (port, pid):
        listening = [c for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]

        assert [tuple(c.laddr) for c in listening] == [("127.0.0.1", port)]


def test_where_prefect_asks_for_a_password_the_pages_do(home: Path) -> None:
    with shown(home, PREFECT_SERVER_API_AUTH_STRING="somebody:a-long-password") as (port, _):
        url = f"http://127.0.0.1:{port}/runs/demo/report.html"
        asked = httpx.get(url)
        wrong = [httpx.get(url, auth=("somebody", word)).status_code for word in ("", "a-long-passwor", "ä")]
        right = httpx.get(url, auth=("somebody", "a-long-password"))

        assert (asked.status_code, "title" in asked.text) == (401, False)
        assert asked.headers["www-authenticate"].startswith("Basic ")
        assert wrong == [401, 401, 401]
        assert (right.status_code, right.text) == (200, PAGE)
        assert sent(port, "/runs/none/report.html")[0] == httpx.codes.UNAUTHORIZED  # the names of runs are secret too

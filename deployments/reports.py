"""The report pages of a home, to be read in a browser: <url>/runs/RUN/report.html and nothing else.

    RISE_HOME=./rise-home .venv/bin/python -m deployments.reports --port 4201

`make server` starts it. It writes nothing and listens on the loopback interface only. Where Prefect's server asks for a
password (PREFECT_SERVER_API_AUTH_STRING), the pages ask for the same.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import os
import re
import shutil
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rise.flows.local.environment import SERVER_AUTH
from rise.storage.home import RUN_NAME, Home

# Looked for in the path as it was sent: a name of a run needs no escapes, so what is escaped names no page.
PAGE = re.compile(rf"/runs/({RUN_NAME.pattern})/report\.html")
SAFE = {
    # Which scripts may run says the page's own policy, by their hashes; only a header can keep a page out of frames.
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def find(home: Path, target: str) -> Path | None:
    """The page that the target of a request names, if it is there; never by a link to another place."""
    named = PAGE.fullmatch(target.partition("?")[0])
    if named is None:
        return None
    page = home / "runs" / named[1] / "report.html"
    return page if page.resolve() == page and page.is_file() else None


class Pages(ThreadingHTTPServer):
    def __init__(self, home: Path, port: int, secret: str | None) -> None:
        super().__init__(("127.0.0.1", port), Reply)
        self.home = home.resolve()
        self.wanted = "Basic " + base64.b64encode(secret.encode()).decode() if secret else None


class Reply(BaseHTTPRequestHandler):
    server: Pages
    server_version, sys_version = "RISE", ""
    timeout = 30  # seconds, for a client that says nothing

    def do_GET(self) -> None:
        if not self.let_in():
            ask = {"WWW-Authenticate": 'Basic realm="RISE reports", charset="UTF-8"'}
            return self.reply(HTTPStatus.UNAUTHORIZED, "Name and password are those of Prefect's server.\n", ask)
        page = find(self.server.home, self.path)
        if page is None:
            return self.reply(HTTPStatus.NOT_FOUND, "There is no such page.\n")
        with page.open("rb") as file:
            about = os.fstat(file.fileno())
            mark = f'"{about.st_mtime_ns:x}-{about.st_size:x}"'
            # Written anew after every iteration: a browser keeps it, and asks each time whether it still holds.
            kept = {"ETag": mark, "Cache-Control": "private, no-cache"}
            if mark in self.headers.get("If-None-Match", ""):
                return self.begin(HTTPStatus.NOT_MODIFIED, kept)
            size = {"Content-Length": str(about.st_size)}
            self.begin(HTTPStatus.OK, {"Content-Type": "text/html; charset=utf-8", **size, **kept})
            if self.command == "GET":
                shutil.copyfileobj(file, self.wfile)
        return None

    do_HEAD = do_GET

    def let_in(self) -> bool:
        wanted, given = self.server.wanted, self.headers.get("Authorization", "")
        return wanted is None or hmac.compare_digest(given.encode(), wanted.encode())

    def reply(self, status: HTTPStatus, text: str, more: Mapping[str, str] | None = None) -> None:
        size = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(text))}
        self.begin(status, {"Cache-Control": "no-store", **size, **(more or {})})
        if self.command == "GET":
            self.wfile.write(text.encode())

    def begin(self, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def end_headers(self) -> None:
        for name, value in SAFE.items():
            self.send_header(name, value)
        super().end_headers()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4201)
    with Pages(Home.from_env().path, parser.parse_args().port, os.environ.get(SERVER_AUTH)) as pages:
        pages.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())

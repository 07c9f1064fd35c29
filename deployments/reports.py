"""Web server for the report pages of a home: <url>/runs/RUN/report.html and nothing else.

    RISE_HOME=./rise-home .venv/bin/python -m deployments.reports --port 4201

`make server` starts this program. Threat model: users of the same machine and web pages in the reader's browser. The
server only reads, listens on the loopback interface, follows no links, and asks for the password of Prefect's server
(PREFECT_SERVER_API_AUTH_STRING) where there is one.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import os
import re
import sys
from pathlib import Path

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from flows.local.environment import SERVER_AUTH
from storage.home import RUN_NAME, Home

# Matched with the path as sent: a run's name needs no escapes, so an escaped path names no page.
_PAGE = re.compile(rf"/runs/({RUN_NAME.pattern})/report\.html")
_HEADERS = [
    ("Server", "RISE"),
    # The page's own policy allows scripts by their hashes; only a header can keep a page out of frames.
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
]


class _Pages:
    """ASGI application for the pages of a home.

    Args:
        home: The home folder.
        secret: "user:password" of basic authentication; None asks for nothing.
    """

    def __init__(self, home: Path, secret: str | None) -> None:
        self._home = home.resolve()
        self._credentials = "Basic " + base64.b64encode(secret.encode()).decode() if secret else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        response = await run_in_threadpool(self._respond, Request(scope))
        await response(scope, receive, send)

    def _respond(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return _message(501, "Pages can only be read.\n")
        if not self._is_allowed(request.headers.get("Authorization", "")):
            realm = {"WWW-Authenticate": 'Basic realm="RISE reports", charset="UTF-8"'}
            return _message(401, "Name and password are those of Prefect's server.\n", realm)
        page = self._find(request.scope["raw_path"].decode("ascii"))
        if page is None:
            return _message(404, "There is no such page.\n")
        # One open file for tag and content: a stage may replace the page meanwhile.
        with page.open("rb") as file:
            status = os.fstat(file.fileno())
            tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
            # A page changes after every iteration: a browser keeps a copy, and asks each time whether it is current.
            headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
            if tag in request.headers.get("If-None-Match", ""):
                return Response(status_code=304, headers=headers)
            return Response(file.read(), headers=headers, media_type="text/html")

    def _is_allowed(self, credentials: str) -> bool:
        return self._credentials is None or hmac.compare_digest(credentials.encode(), self._credentials.encode())

    def _find(self, path: str) -> Path | None:
        """Return the file of a page, None where there is no such page or a link leads elsewhere."""
        match = _PAGE.fullmatch(path)
        if match is None:
            return None
        page = self._home / "runs" / match[1] / "report.html"
        return page if page.resolve() == page and page.is_file() else None


def _message(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(text, status, {"Cache-Control": "no-store", **(headers or {})})


def main() -> int:
    """Serve the pages of RISE_HOME until a signal ends the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4201)
    uvicorn.run(
        _Pages(Home.from_env().path, os.environ.get(SERVER_AUTH)),
        host="127.0.0.1",
        port=parser.parse_args().port,
        http="h11",  # hands over paths such as `*` as sent, for the same 404 as every other path
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        headers=_HEADERS,
        timeout_graceful_shutdown=5,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

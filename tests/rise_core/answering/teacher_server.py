"""A real vLLM server on loopback as a teacher, and a proxy in front of the server with faults on demand."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

MODEL = "tiny-teacher"
# As in rise_core.engine.settings, for the CPU.
CPU = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
OPTIONS = (
    *("--dtype", "float32", "--enforce-eager", "--block-size", "32", "--kv-cache-memory-bytes", "50000000"),
    *("--no-enable-chunked-prefill", "--max-model-len", "96", "--max-num-batched-tokens", "2048"),
    # A model's generation_config.json may hold such a top_p: without a top_p, requests get nearly the same text.
    *("--max-num-seqs", "32", "--generation-config", "vllm", "--override-generation-config", '{"top_p": 0.001}'),
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def vllm_server(weights: Path, key: str, log: Path) -> Iterator[str]:
    """Serve a model folder by `vllm serve` with a key. Yields the address, without /v1."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_API_KEY": key}
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(weights)]
    command += ["--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port), *OPTIONS]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=os.environ | CPU | quiet, stdout=output, stderr=output, cwd=log.parent)
    try:
        deadline = time.monotonic() + 240
        while not healthy(address):
            assert process.poll() is None, log.read_text()[-4000:]
            assert time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=30)


def healthy(address: str) -> bool:
    try:
        return bool(urlopen(f"{address}/health", timeout=5).status == 200)  # noqa: S310
    except (URLError, OSError):
        return False


Fault = Callable[["Handler"], bool]  # True: the fault has answered; False: the server answers


class Handler(BaseHTTPRequestHandler):
    """Passes requests on, unless a fault is due."""

    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.proxy.count(self.body):
            fault = self.proxy.next_fault()
            if not (fault and fault(self)):
                self.pass_on()

    def pass_on(self) -> None:
        headers = {"Content-Type": "application/json", "Authorization": self.headers["Authorization"]}
        request = Request(f"{self.proxy.upstream}{self.path}", json.dumps(self.body).encode(), headers)  # noqa: S310
        try:
            with urlopen(request, timeout=60) as reply:  # noqa: S310
                self.reply(reply.status, reply.read())
        except HTTPError as error:
            self.reply(error.code, error.read())

    def reply(self, status: int, content: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Log nothing: pytest's output is for the tests."""


class Proxy:
    """Passes requests on and counts them. `faults` meet the next requests, in order, and `always` all later ones."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.lock = threading.Lock()
        handler = type("BoundHandler", (Handler,), {"proxy": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        self.reset()

    def reset(self) -> None:
        self.faults: list[Fault] = []
        self.always: Fault | None = None
        self.bodies: list[dict[str, Any]] = []
        self.arrivals: list[float] = []  # monotonic seconds
        self.inside: set[object] = set()  # a new set: requests of an earlier test do not count
        self.most_side_by_side = 0

    @contextmanager
    def count(self, body: dict[str, Any]) -> Iterator[None]:
        request, inside = object(), self.inside
        with self.lock:
            self.bodies.append(dict(body))
            self.arrivals.append(time.monotonic())
            inside.add(request)
            self.most_side_by_side = max(self.most_side_by_side, len(inside))
        try:
            yield
        finally:
            with self.lock:
                inside.remove(request)

    def next_fault(self) -> Fault | None:
        with self.lock:
            return self.faults.pop(0) if self.faults else self.always


@contextmanager
def proxy_to(upstream: str) -> Iterator[Proxy]:
    """Run a proxy in front of the server at `upstream`."""
    proxy = Proxy(upstream)
    thread = threading.Thread(target=proxy.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join(timeout=30)


# -- faults ------------------------------------------------------------------------------------------------------------


def status(code: int, message: str = "no", **headers: str) -> Fault:
    """Answer with an error status."""

    def fault(handler: Handler) -> bool:
        handler.reply(code, json.dumps({"error": {"message": message}}).encode(), **headers)
        return True

    return fault


def slow(seconds: float) -> Fault:
    """Answer late."""

    def fault(_: Handler) -> bool:
        time.sleep(seconds)
        return False

    return fault


def crowd(count: int) -> Fault:
    """Hold requests back until `count` run in parallel (at most 20 s), and a moment longer for a surplus request."""

    def fault(handler: Handler) -> bool:
        deadline = time.monotonic() + 20
        while handler.proxy.most_side_by_side < count and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        return False

    return fault


def drop(handler: Handler) -> bool:
    """Close the connection without an answer."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
    return True


def drip(handler: Handler) -> bool:
    """Begin the answer at once, and add a byte every tenth of a second, for a minute."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "600")
    handler.end_headers()
    handler.close_connection = True
    try:
        for _ in range(600):
            handler.wfile.write(b" ")
            time.sleep(0.1)
    except OSError:  # the client has hung up
        pass
    return True


def web_page(handler: Handler) -> bool:
    """Answer with HTML."""
    handler.reply(200, b"<html>Welcome</html>", kind="text/html")
    return True


def one_choice(handler: Handler) -> bool:
    """Ignore `n`."""
    handler.body.pop("n", None)
    return False


def refuse(code: int, *names: str) -> Fault:
    """Refuse requests with any of these parameters; an `n` of 1 passes."""

    def fault(handler: Handler) -> bool:
        refused = [name for name in names if handler.body.get(name, 1 if name == "n" else None) not in (None, 1)]
        return bool(refused) and status(code, f"unsupported parameter: {refused[0]}")(handler)

    return fault


def wordy(handler: Handler) -> bool:
    """Add words, like a longer chat template."""
    handler.body["messages"].insert(0, {"role": "system", "content": "zebra " * 30})
    return False


def odd(content: object, usage: object) -> Fault:
    """Answer with a malformed chat completion."""

    def fault(handler: Handler) -> bool:
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        handler.reply(200, json.dumps({"choices": [choice], "usage": usage}).encode())
        return True

    return fault


def tell_key(code: int, padding: int = 0) -> Fault:
    """Send the caller's key back, in an error or as the answer."""

    def fault(handler: Handler) -> bool:
        text = f"{'x' * padding}you said {handler.headers['Authorization']}"
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        handler.reply(code, json.dumps({"choices": [choice], "error": {"message": text}}).encode())
        return True

    return fault

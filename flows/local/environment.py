"""Settings of the embedded services. They hold from a process's start, before Prefect, Ray or vLLM is imported."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from rise.flows.local import prefect_server

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
# Prefect's basic authentication, "user:password": what its clients send and what its server asks for.
AUTH, SERVER_AUTH = "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"


def use_home(home: Path | None) -> None:
    """Put everything that is written under the home folder; what the user has set stays as it is."""
    if home is not None:
        os.environ["RISE_HOME"] = str(home.expanduser().resolve())
    root = Path(os.environ.get("RISE_HOME") or "rise-home").expanduser().resolve()
    os.environ["RISE_HOME"] = str(root)
    if "PREFECT_API_URL" not in os.environ and "PREFECT_HOME" not in os.environ:
        server = root / "prefect"  # an own server with its own database
        server.mkdir(parents=True, exist_ok=True)  # Prefect does not make it
        os.environ["PREFECT_HOME"] = str(server)
        # Its own default is in the user's folder whatever PREFECT_HOME says.
        os.environ.setdefault("PREFECT_SERVER_MEMO_STORE_PATH", str(server / "memo_store.toml"))
        prefect_server.reserve()
        # Loopback is open to every user of the machine; the processes of this run share a password that ends with it.
        os.environ.setdefault(AUTH, os.environ.get(SERVER_AUTH) or f"rise:{secrets.token_urlsafe(32)}")
        os.environ.setdefault(SERVER_AUTH, os.environ[AUTH])
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)

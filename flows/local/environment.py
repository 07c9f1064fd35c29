"""Settings of the services in a run's own processes. They hold before Prefect, Ray or vLLM is imported."""

from __future__ import annotations

import os
from pathlib import Path

from storage.home import Home

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
# Prefect's basic authentication, "user:password": AUTH is sent by clients, SERVER_AUTH is asked for by the server.
AUTH, SERVER_AUTH = "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"


def use_home(home: Path | None) -> None:
    """Name the home folder in RISE_HOME and switch telemetry off. Variables of the user's stay as they are.

    Args:
        home: The folder of option --home; None: RISE_HOME, by default ./rise-home.
    """
    os.environ["RISE_HOME"] = str(home.expanduser().resolve() if home else Home.from_env().path)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)

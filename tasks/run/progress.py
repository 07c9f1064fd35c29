"""Progress of a stage, in the log and as an artifact of the flow run."""

from __future__ import annotations

import hashlib
import threading
from typing import cast
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

# The server is away, or a user deleted the artifact.
_NOT_SHOWN = (httpx.HTTPError, PrefectHTTPStatusError, ObjectNotFound)


def artifact_key(run: str, subject: str) -> str:
    """The key of a run's artifact: unique to the run, and stable, so the UI shows a history.

    Prefect takes lower-case letters, digits and dashes. Other run names get a mark from their hash.
    """
    plain = run.lower().replace("_", "-")
    mark = "" if plain == run else f"-{hashlib.blake2b(run.encode(), digest_size=4).hexdigest()}"
    return f"rise-{plain}{mark}-{subject}"


class Progress:
    """One stage after another, counted by several threads. An absent server stops only the display, never a run."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._done = self._total = 0
        self._title = ""
        self._artifact: UUID | None = None
        self._lock = threading.Lock()

    def begin(self, stage: str, title: str, total: int) -> None:
        """Begin a stage of `total` steps. Call in a flow run or task run."""
        self._done, self._total, self._title, self._artifact = 0, total, title, None
        try:
            key = artifact_key(self._run, f"progress-{stage}")
            self._artifact = cast(UUID, create_progress_artifact(0.0, key=key, description=self._text()))
        except _NOT_SHOWN as error:
            get_run_logger().warning("progress cannot be shown: %s", error)

    def step(self) -> str:
        """Count one more step. Returns "3/28"."""
        with self._lock:  # covers the call to the server, which thus hears the highest count last
            return self.reach(self._done + 1)

    def reach(self, done: int) -> str:
        """Set the count of steps done. Returns "3/28"."""
        self._done = done
        if self._artifact is not None:
            share = 100.0 * min(done, self._total) / self._total
            try:
                update_progress_artifact(self._artifact, progress=share, description=self._text())
            except _NOT_SHOWN as error:
                get_run_logger().warning("progress cannot be shown: %s", error)
        return f"{done}/{self._total}"

    def _text(self) -> str:
        return f"{self._title}: {self._done} of {self._total}"

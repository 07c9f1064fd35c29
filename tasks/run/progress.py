"""How far a stage is, in the log and as a progress artifact of the flow run."""

from __future__ import annotations

import hashlib
import threading
from typing import cast
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

UNSHOWN = (httpx.HTTPError, PrefectHTTPStatusError, ObjectNotFound)  # the server is away, or somebody deleted it


def artifact_key(run: str, what: str) -> str:
    """The same over time, so that the UI shows its history, and no other run's. Prefect takes lower-case letters,
    digits and dashes."""
    plain = run.lower().replace("_", "-")
    mark = "" if plain == run else f"-{hashlib.blake2b(run.encode(), digest_size=4).hexdigest()}"
    return f"rise-{plain}{mark}-{what}"


class Progress:
    """One stage after another, counted by several threads. A server that is away stops no run: it shows less."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.done = self.total = 0
        self.title = ""
        self.artifact: UUID | None = None
        self.counting = threading.Lock()

    def begin(self, stage: str, title: str, total: int) -> None:
        """A stage of `total` steps begins; called in a flow run or task run."""
        self.done, self.total, self.title, self.artifact = 0, total, title, None
        try:
            key = artifact_key(self.run, f"progress-{stage}")
            self.artifact = cast(UUID, create_progress_artifact(0.0, key=key, description=self.text()))
        except UNSHOWN as error:
            get_run_logger().warning("progress cannot be shown: %s", error)

    def step(self) -> str:
        """Count one more; "3/28"."""
        with self.counting:  # the server is told in here too: the last it hears is the highest
            return self.reach(self.done + 1)

    def reach(self, done: int) -> str:
        """So many steps are done; "3/28"."""
        self.done = done
        if self.artifact is not None:
            share = 100.0 * min(done, self.total) / self.total
            try:
                update_progress_artifact(self.artifact, progress=share, description=self.text())
            except UNSHOWN as error:
                get_run_logger().warning("progress cannot be shown: %s", error)
        return f"{done}/{self.total}"

    def text(self) -> str:
        return f"{self.title}: {self.done} of {self.total}"

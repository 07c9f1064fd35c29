"""The home folder: lake, checkpoints, and the working files of runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from rise_core.errors import UserError
from storage.location import LakeLocation

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_run_name(run: str) -> None:
    """Check a run's name for use in paths and shells.

    Raises:
        UserError: The name could leave the home folder or confuse a shell.
    """
    if not RUN_NAME.fullmatch(run):
        raise UserError(f"run name {run!r}: use up to 64 letters, digits, '-' and '_', starting with a letter or digit")


def inside(home: Path, path: str) -> Path:
    """Join `home` and a relative path.

    Raises:
        UserError: The path leads out of `home`: absolute, by `..` or by a symbolic link.
    """
    joined = home / path
    # `resolve` follows links, so a link to the outside counts as outside.
    if Path(path).is_absolute() or ".." in Path(path).parts or not joined.resolve().is_relative_to(home.resolve()):
        raise UserError(f"{path} leads out of {home}, and is neither read nor written there: remove what leads out")
    return joined


@dataclass(frozen=True)
class Home:
    """The folders <home>/lake, <home>/checkpoints and <home>/runs/<run>."""

    path: Path

    @classmethod
    def from_env(cls) -> Home:
        """Locate the home folder: RISE_HOME, by default ./rise-home."""
        return cls(Path(os.environ.get("RISE_HOME") or "rise-home").expanduser().resolve())

    @property
    def lake(self) -> LakeLocation:
        """Location of the home's lake."""
        return LakeLocation.from_home(self.path)

    def run_folder(self, run: str) -> Path:
        """Return the folder of a run's working files; create the folder where missing."""
        check_run_name(run)
        folder = inside(self.path, f"runs/{run}")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def report(self, run: str) -> Path:
        """Return the path of a run's report page."""
        return self.run_folder(run) / "report.html"

    @property
    def cache(self) -> Path:
        """Folder of files safe to delete at any time."""
        return self.path / "cache"

    @contextmanager
    def lock(self, run: str) -> Iterator[None]:
        """Hold a run's lock: a single process at a time advances a run. The lock ends with the process.

        Raises:
            UserError: Another process holds the lock.
        """
        lock = FileLock(self.run_folder(run) / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise UserError(f"run {run!r} is being advanced by another process: wait for it or end it") from error
        try:
            yield
        finally:
            lock.release()

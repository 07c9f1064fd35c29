"""The home folder: where the lake, the checkpoints and the runs' working files lie."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from rise.core.errors import UserError
from rise.storage.lake import LakeLocation

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_run_name(run: str) -> None:
    """Raises UserError for a name that could leave the home folder or confuse a shell."""
    if not RUN_NAME.fullmatch(run):
        raise UserError(f"run name {run!r}: use up to 64 letters, digits, '-' and '_', starting with a letter or digit")


def inside(home: Path, path: str) -> Path:
    """`path`, which is relative to folder `home`. Raises UserError where it leads out of it: absolute, by `..` or by a
    symbolic link."""
    place = home / path
    if Path(path).is_absolute() or ".." in Path(path).parts or not place.resolve().is_relative_to(home.resolve()):
        raise UserError(f"{path} leads out of {home}, and is neither read nor written there: remove what leads out")
    return place


@dataclass(frozen=True)
class Home:
    """<home>/lake, <home>/checkpoints, <home>/runs/<run>."""

    path: Path

    @classmethod
    def from_env(cls) -> Home:
        """The folder that RISE_HOME names; ./rise-home by default."""
        return cls(Path(os.environ.get("RISE_HOME") or "rise-home").expanduser().resolve())

    @property
    def lake(self) -> LakeLocation:
        return LakeLocation.from_home(self.path)

    def run_folder(self, run: str) -> Path:
        check_run_name(run)
        folder = inside(self.path, f"runs/{run}")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def report(self, run: str) -> Path:
        """Where the run's page is written."""
        return self.run_folder(run) / "report.html"

    @property
    def cache(self) -> Path:
        """What can be made again at any time."""
        return self.path / "cache"

    @contextmanager
    def lock(self, run: str) -> Iterator[None]:
        """Hold a run, so that two processes never advance it at once. The lock goes when its process goes."""
        lock = FileLock(self.run_folder(run) / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise UserError(f"run {run!r} is being advanced by another process: wait for it or end it") from error
        try:
            yield
        finally:
            lock.release()

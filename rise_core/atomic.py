"""Write files and folders completely or not at all.

    with atomic_file(page) as part:
        part.write_text(html)

The new content appears under the name at the end of the block, by a rename. An exception in the block, or the death
of the process, leaves the old content. The next writer of the same name removes the remains of a dead process.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rise_core.errors import UserError


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file beside `path`. The end of the block syncs and renames the file."""
    with _temporary(path) as part:
        yield part
        sync_file(part)
        os.replace(part, path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary folder beside `path`. The end of the block syncs the files and renames the folder.

    The block creates the folder. Raises OSError where `path` is a folder with content, or a file.
    """
    with _temporary(path) as part:
        yield part
        for file in sorted(part.rglob("*")):
            if file.is_file():
                sync_file(file)
        part.rename(path)


def sync_file(path: Path) -> None:
    """Force a file's content to disk: a power cut after the rename cannot leave a hollow file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def check_writes(path: Path, remedy: str) -> Iterator[None]:
    """Turn an OSError in the block into a UserError with path, cause and remedy."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}; {remedy}") from error


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    for remains in path.parent.glob(f"{_escaped(path.name)}.*.part"):
        if not _is_alive(remains.name.split(".")[-2]):
            _remove(remains)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    _remove(part)
    try:
        yield part
    finally:
        _remove(part)


def _escaped(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


def _is_alive(pid: str) -> bool:
    return pid.isdigit() and Path(f"/proc/{pid}").exists()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

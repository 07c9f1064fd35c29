"""Errors that are shown as one line."""

from __future__ import annotations

from rise.core.text import one_line


class UserError(Exception):
    """Bad input: the message says what is wrong, where it stands, and what to do about it.

    It may quote what it complains of, which may be hostile: it is one line without control sequences.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class RunStopped(Exception):
    """A run that the machine stopped, through no fault of the input: the cause in one line, and what to do next."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class Closed(RuntimeError):
    """Asked of something that is being closed: the run ends for a reason told elsewhere, so no traceback is shown."""


class EngineError(Exception):
    """An engine failed or did not answer in time: the message says which one, what was waited for and how long."""


class EngineLost(EngineError):
    """The engine is gone or unusable, through no fault of the request: another engine may well serve it."""


class EngineClosed(EngineError, Closed):
    """Asked of engines or a teacher that are being closed."""


class TrainerLost(RuntimeError):
    """The process that trains is gone, through no fault of the input: training again may well succeed."""


class KeyExists(Exception):
    """Raised by a commit whose rows are in the lake already; a second write would double them."""

"""Errors that are the user's to mend: shown as one line, never as a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Bad input: the message says what is wrong, where it stands, and what to do about it."""


class Closed(RuntimeError):
    """Asked of something that is being closed: the run ends for a reason told elsewhere, so no traceback is shown."""

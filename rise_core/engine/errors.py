"""What goes wrong with an engine. Bad requests and bad settings are UserErrors instead."""

from __future__ import annotations

from rise_core.errors import Closed


class EngineError(Exception):
    """An engine failed or did not answer in time: the message says which one, what was waited for and how long."""


class EngineLost(EngineError):
    """The engine is gone or unusable, through no fault of the request: another engine may well serve it."""


class EngineClosed(EngineError, Closed):
    """Asked of engines or a teacher that are being closed."""

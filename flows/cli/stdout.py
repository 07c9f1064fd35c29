"""Standard output, reserved for results."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO


def claim_stdout() -> TextIO:
    """Return a stream to standard output. All other output goes to standard error from now on.

    Output below Python is redirected too: vLLM logs to standard output, and a program must find the result alone.
    """
    sys.stdout.flush()
    try:
        own = sys.stdout.fileno() == 1
    except io.UnsupportedOperation:  # replaced within Python
        own = False
    if not own:
        return sys.stdout
    results = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    os.dup2(2, 1)
    return results

"""Standard output for results alone."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO


def claim_stdout() -> TextIO:
    """A stream to standard output. From now on whatever else writes there goes to stderr, also below Python: vLLM logs
    to standard output, and a program that reads the result must find nothing else."""
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

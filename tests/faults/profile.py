"""The run that the faults disturb: the tiny profile, one iteration, in shards of two problems."""

from __future__ import annotations

from tests.flows.command import TINY

RUN = "run"
# Shards of two problems make sampling and grading last some seconds: time enough for a fault to hit it. A grading
# process that answers nothing is given up after (verify.timeout + 1 s) for each of a shard's responses.
OVERRIDES = ("iterations=1", "collect.shard_size=2", "verify.timeout=2")
COMMAND = ("run", TINY, *OVERRIDES, "--run", RUN)
ONLY_BASE = (*COMMAND, "--iterations", "0")

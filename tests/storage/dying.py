"""python -m tests.storage.dying HOME: end by SIGKILL between the write and the commit of a transaction."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from storage.lake import Lake
from storage.location import LakeLocation
from storage.rollouts import to_arrow
from storage.transaction import Transaction
from tests.storage.samples import shard_rows


def write(tx: Transaction) -> None:
    rows = to_arrow(shard_rows(0))
    tx.append("rollouts", rows)
    assert tx.execute("SELECT count(*) FROM lake.main.rollouts") == [(rows.num_rows,)]
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with Lake(LakeLocation.from_home(Path(sys.argv[1]))) as lake:
        lake.commit(write, run="r1", iteration=1, stage="test")

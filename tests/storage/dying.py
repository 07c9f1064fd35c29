"""python -m tests.storage.dying HOME: end by SIGKILL between the write and the commit of a transaction."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from rise.storage.lake import Lake, LakeLocation, Transaction
from rise.storage.rollouts import to_arrow
from tests.storage.samples import shard_rows


def write(tx: Transaction) -> None:
    rows = to_arrow(shard_rows(0))
    tx.append("rollouts", rows.append_column("created_at", pa.repeat(datetime.now(UTC), rows.num_rows)))
    assert tx.execute("SELECT count(*) FROM lake.main.rollouts") == [(rows.num_rows,)]
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with Lake(LakeLocation.from_home(Path(sys.argv[1]))) as lake:
        lake.commit(write, run="r1", iteration=1, stage="test")

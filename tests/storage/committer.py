"""python -m tests.storage.committer HOME FIRST LAST: commit missing shards; print each when committed."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from rise_core.errors import KeyExists
from storage import rollouts
from storage.lake import Lake
from storage.location import LakeLocation
from tests.storage.samples import shard_rows

if __name__ == "__main__":
    with Lake(LakeLocation.from_home(Path(sys.argv[1]))) as lake:
        done = rollouts.units(lake, "r1", 1)
        for shard in range(int(sys.argv[2]), int(sys.argv[3])):
            if ("collect", "train", shard, 1) in done:
                continue
            with suppress(KeyExists):
                rollouts.append(lake, shard_rows(shard))
            print(shard, flush=True)

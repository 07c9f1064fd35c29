"""A driver for test_cluster to kill and interrupt: starts a Ray and an engine, and samples without end.

    python driver.py WEIGHTS_DIR

Prints the engine's process id after each shard.
"""

from __future__ import annotations

import sys

from rise_core import cluster
from rise_core.config.engine_keys import Engine
from rise_core.config.keys import Model
from rise_core.engine.pool import EnginePool
from rise_core.records import Checkpoint, SampleRequest, SamplingSettings

if __name__ == "__main__":
    checkpoint = Checkpoint("first", sys.argv[1])
    config = Engine(max_model_len=128, kv_cache_gib=0.01, threads=1)
    requests = [SampleRequest([1, 2, 3], 16, seed) for seed in range(64)]
    settings = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=60, stop_token_ids=())
    with (
        cluster.connect(logical_cpus=1),
        EnginePool(config, Model(), checkpoint, lora_rank=None, seed=0) as pool,
    ):
        while True:
            pool.sample(requests, settings)
            info = pool.replicas[0].info
            print(info.pid if info else None, flush=True)

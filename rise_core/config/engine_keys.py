"""The config of the engines: `engine` and `teacher`."""

from __future__ import annotations

from dataclasses import dataclass

from rise.core.config.field_types import key, section


@dataclass
class Engine:
    """The Ray pool of vLLM engines."""

    replicas: int = key(1, "engines")
    gpus: float = key(0.0, "GPUs of each engine; 0: CPU")
    threads: int = key(0, "CPU threads of each engine; 0: the machine's cores shared among the engines")
    max_model_len: int = key(2048, "longest prompt and response together, in tokens")
    max_num_seqs: int = key(256, "sequences in one batch")
    kv_cache_gib: float = key(1.0, "key-value cache of a CPU engine, in GiB")
    gpu_memory_utilization: float = key(0.85, "share of a GPU's memory that an engine takes")
    block_size: int = key(32, "tokens in a cache block (CPU)")
    in_flight: int = key(2, "shards in flight on each engine")
    start_timeout: float = key(600.0, "seconds that starting an engine may take")
    timeout: float = key(3600.0, "seconds that one shard's turn may take")


OMITTABLE = ("n", "seed", "temperature", "top_p")  # what a teacher's endpoint can do without


@dataclass
class Teacher:
    """Who answers the turns of policy `teacher`: an endpoint, or a second model in engines of its own. It samples
    with collect.temperature, collect.top_p and collect.max_new_tokens."""

    model: str | None = key(None, "the endpoint's name for its model; without an endpoint: a model as in model.name")
    base_url: str | None = key(
        None, "an OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1; none: engines of its own"
    )
    revision: str | None = key(None, "without an endpoint: commit or tag of a Hugging Face id")
    api_key: str = key("env:OPENAI_API_KEY", "where the key is: env:VARIABLE or block:NAME (a Prefect Secret block)")
    concurrency: int = key(16, "requests at a time")
    timeout: float = key(120.0, "seconds that one request may take")
    retries: int = key(
        6,
        "further tries after status 429, 5xx, a time-out or a lost connection; none where the endpoint asks for a pause"
        " of more than two minutes",
    )
    omit: list[str] = key(
        [],
        "parameters that the endpoint refuses and that are never sent: n, seed, temperature, top_p; without n every"
        " answer is a request of its own",
    )
    max_requests: int | None = key(None, "budget of the whole run in answered requests; none: no limit")
    max_tokens: int | None = key(None, "budget of the whole run in tokens, prompts included; none: no limit")
    engine: Engine = section(Engine)

"""The config of the policies' backends: sections `engine` (vLLM) and `teacher`."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from rise_core.config.field_types import LATER, Count, NotNegative, NotNegativeNumber, Positive, Share

OMITTABLE = ("n", "seed", "temperature", "top_p")  # request parameters without which an endpoint can still answer


@dataclass
class Engine:
    """The Ray pool of vLLM engines."""

    replicas: Annotated[Count, Field(description="engines"), LATER] = 1
    gpus: Annotated[NotNegativeNumber, Field(description="GPUs of each engine; 0: CPU"), LATER] = 0.0
    threads: Annotated[
        NotNegative,
        Field(description="CPU threads of each engine; 0: the machine's cores shared among the engines"),
        LATER,
    ] = 0
    max_model_len: Annotated[Count, Field(description="longest prompt and response together, in tokens")] = 2048
    max_num_seqs: Annotated[Count, Field(description="sequences in one batch"), LATER] = 256
    kv_cache_gib: Annotated[Positive, Field(description="key-value cache of a CPU engine, in GiB"), LATER] = 1.0
    gpu_memory_utilization: Annotated[Share, Field(description="share of a GPU's memory for one engine"), LATER] = 0.85
    block_size: Annotated[Count, Field(description="tokens in a cache block (CPU)"), LATER] = 32
    in_flight: Annotated[Count, Field(description="shards in flight on each engine"), LATER] = 2
    start_timeout: Annotated[Positive, Field(description="longest start of an engine, in seconds"), LATER] = 600.0
    timeout: Annotated[Positive, Field(description="longest time of one shard's turn, in seconds"), LATER] = 3600.0


@dataclass
class Teacher:
    """The policy `teacher`: an endpoint, or a second model in engines of its own.

    The sampling settings are collect.temperature, collect.top_p and collect.max_new_tokens.
    """

    model: Annotated[
        str | None,
        Field(description="the endpoint's name for its model; without an endpoint: a model as in model.name"),
    ] = None
    base_url: Annotated[
        str | None,
        Field(description="an OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1; none: engines of its own"),
        LATER,
    ] = None
    revision: Annotated[str | None, Field(description="without an endpoint: commit or tag of a Hugging Face id")] = None
    api_key: Annotated[
        str,
        Field(description="place of the key: env:VARIABLE or block:NAME (a Prefect Secret block)"),
        LATER,
    ] = "env:OPENAI_API_KEY"
    concurrency: Annotated[Count, Field(description="requests at a time"), LATER] = 16
    timeout: Annotated[Positive, Field(description="longest time of one request, in seconds"), LATER] = 120.0
    retries: Annotated[
        NotNegative,
        Field(
            description="further tries after status 429, 5xx, a time-out or a lost connection; none where the endpoint"
            " asks for a pause of more than two minutes"
        ),
        LATER,
    ] = 6
    omit: Annotated[
        list[str],
        Field(
            description="parameters refused by the endpoint and therefore never sent: n, seed, temperature, top_p;"
            " without n every answer is a request of its own"
        ),
        LATER,
    ] = field(default_factory=list)
    max_requests: Annotated[
        Count | None, Field(description="budget of the whole run in answered requests; none: no limit"), LATER
    ] = None
    max_tokens: Annotated[
        Count | None, Field(description="budget of the whole run in tokens, prompts included; none: no limit"), LATER
    ] = None
    engine: Annotated[Engine, LATER] = field(default_factory=Engine)

"""The calls into vLLM. Each imports vLLM itself: the import takes seconds, and the driver needs no vLLM."""

from __future__ import annotations

import os
from typing import Any

from rise_core.engine.settings import EngineSpec
from rise_core.records import Checkpoint, SampleRequest, SamplingSettings


def import_vllm(cores: tuple[int, ...]) -> None:
    """Import vLLM in the calling thread, the later thread of the engine.

    Args:
        cores: Cores to run on; empty: any core. OpenMP's threads belong to the calling thread and inherit the cores.
    """
    if cores:
        os.sched_setaffinity(0, cores)
    from vllm import EngineArgs, LLMEngine  # noqa: F401


def build_engine(spec: EngineSpec) -> Any:
    """Build the engine (a vllm.LLMEngine) in the calling thread."""
    from vllm import EngineArgs, LLMEngine
    from vllm.usage.usage_lib import UsageContext

    return LLMEngine.from_engine_args(EngineArgs(**spec.arguments), usage_context=UsageContext.LLM_CLASS)


def sampling_parameters(request: SampleRequest, settings: SamplingSettings) -> Any:
    """Return vLLM's parameters of a request. vLLM gives sample j the seed `seed + j`.

    At temperature 0 all samples are equal, so vLLM samples only the first.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        n=request.n if settings.temperature > 0 else 1,
        seed=request.seed,
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_new_tokens,
        stop_token_ids=list(settings.stop_token_ids),
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def add_adapter(engine: Any, checkpoint: Checkpoint, number: int) -> Any:
    """Load a checkpoint's LoRA adapter, and return vLLM's selector of the adapter.

    Args:
        number: Id of the adapter, never used before. Under a known id vLLM would serve the old adapter, and cache
            blocks of the old adapter.
    """
    from vllm.lora.request import LoRARequest

    lora = LoRARequest(f"{checkpoint.checkpoint_id}-{number}", number, checkpoint.adapter_dir)
    engine.add_lora(lora)  # now, so that a bad adapter fails this call and not the next shard
    return lora


def reload_weights(worker: Any, weights_dir: str) -> None:
    """Read other weights of the same shape into a vLLM worker. Runs in the worker, by `collective_rpc`.

    On the CPU vLLM multiplies by a packed copy of each matrix, and packs each matrix again after reading. An output
    layer tied to the embeddings is shared, not read: without packing here, the old weights would stay in use.
    """
    from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead

    worker.reload_weights(weights_path=weights_dir)
    for module in worker.get_model().modules():
        if isinstance(module, ParallelLMHead):
            module.quant_method.process_weights_after_loading(module)

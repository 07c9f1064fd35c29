"""Other weights of the same shape for a running engine."""

from __future__ import annotations

from typing import Any


def reload_weights(worker: Any, folder: str) -> None:
    """Read a folder's weights into the model of a vLLM worker; called in the worker, by `collective_rpc`.

    On the CPU vLLM multiplies by a packed copy of each matrix, and packs anew what it reads. An output layer tied to
    the embeddings is shared, not read: without its own packing it would go on with the weights of the engine's start.
    """
    from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead

    worker.reload_weights(weights_path=folder)
    for module in worker.get_model().modules():
        if isinstance(module, ParallelLMHead):
            module.quant_method.process_weights_after_loading(module)

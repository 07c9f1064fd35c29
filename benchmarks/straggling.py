"""Engines whose responses have set lengths, for the straggler benchmark only: real vLLM engines that ignore the end of
turn and sample SHORT tokens, and LONG ones for one request in a hundred (with all its samples)."""

from __future__ import annotations

from typing import Any

from rise_core.engine import vllm_calls
from rise_core.engine.actor import EngineActor
from rise_core.records import SampleRequest, SamplingSettings

SHORT, LONG = 20, 200
ONE_IN = 100


class Even(EngineActor):
    """Every response has SHORT tokens."""

    def __init__(self, cores: tuple[int, ...]) -> None:
        vllm_calls.sampling_parameters = self.parameters
        super().__init__(cores)

    def length(self, request: SampleRequest) -> int:
        return SHORT

    def parameters(self, request: SampleRequest, settings: SamplingSettings) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            n=request.n,
            seed=request.seed,
            temperature=settings.temperature,
            max_tokens=self.length(request),
            ignore_eos=True,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )


class Uneven(Even):
    """One request in a hundred gets LONG responses: by its seed, so the same ones in every run."""

    def length(self, request: SampleRequest) -> int:
        return LONG if request.seed % ONE_IN == 0 else SHORT

"""Variable-length attention out of torch itself (torch.nn.attention.varlen, CUDA), as an attention of transformers.

Sequences that share one row are told apart by their position ids, which begin at 0 with each (rise_core/training/
packing.py); no mask is built and no pair of tokens of different sequences is computed. Needs no package flash-attn.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface

NAME = "torch_varlen"  # transformers looks for a downloadable kernel behind every name with "flash" in it
last: tuple[torch.Tensor, torch.Tensor, int] | None = None  # position ids, where sequences begin, the longest


def register() -> None:
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, lambda *_, **__: None)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **given: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each sequence of the one row of a pass: query, key, value [1, heads, tokens, size]."""
    from torch.nn.attention.varlen import varlen_attn

    begins, longest = bounds(given["position_ids"])
    groups = query.shape[1] // key.shape[1]
    flat = [
        part.repeat_interleave(times, dim=1)[0].transpose(0, 1).to(torch.bfloat16).contiguous()
        for part, times in ((query, 1), (key, groups), (value, groups))
    ]
    out = varlen_attn(*flat, begins, begins, longest, longest, scale=scaling, window_size=(-1, 0))
    return out[None].to(query.dtype), None


def bounds(position_ids: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Where the sequences of a row begin, with the row's end (int32), and the longest one's tokens; once a pass."""
    global last
    if last is None or last[0] is not position_ids:
        flat = position_ids.flatten()
        begins = torch.nonzero(flat == 0).flatten().to(torch.int32)
        ends = torch.tensor([len(flat)], dtype=torch.int32, device=flat.device)
        begins = torch.cat([begins, ends])
        last = (position_ids, begins, int(begins.diff().max()))
    return last[1], last[2]

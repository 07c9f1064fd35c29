"""Variable-length attention of torch itself (torch.nn.attention.varlen, CUDA), registered with transformers.

Position ids begin at 0 with every sequence of a row (rise_core/training/packing.py) and so mark the sequences. No mask
is built, and no pair of tokens of different sequences is computed. Package flash-attn is not needed.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface

NAME = "torch_varlen"  # transformers looks for a downloadable kernel behind every name with "flash" in it
_last: tuple[torch.Tensor, torch.Tensor, int] | None = None  # position ids, where sequences begin, the longest


def register() -> None:
    """Make the attention known to transformers under NAME."""
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
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each sequence of the one row of a pass: query, key, value [1, heads, tokens, size]."""
    from torch.nn.attention.varlen import varlen_attn

    begins, longest = _bounds(settings["position_ids"])
    groups = query.shape[1] // key.shape[1]
    flat = [
        part.repeat_interleave(times, dim=1)[0].transpose(0, 1).to(torch.bfloat16).contiguous()
        for part, times in ((query, 1), (key, groups), (value, groups))
    ]
    out = varlen_attn(*flat, begins, begins, longest, longest, scale=scaling, window_size=(-1, 0))
    return out[None].to(query.dtype), None


def _bounds(position_ids: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Return the starts of a row's sequences with the row's end (int32), and the longest length; once a pass."""
    global _last
    if _last is None or _last[0] is not position_ids:
        flat = position_ids.flatten()
        begins = torch.nonzero(flat == 0).flatten().to(torch.int32)
        ends = torch.tensor([len(flat)], dtype=torch.int32, device=flat.device)
        begins = torch.cat([begins, ends])
        _last = (position_ids, begins, int(begins.diff().max()))
    return _last[1], _last[2]

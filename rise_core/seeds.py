"""Random choices by a stable key, independent of scheduling and resuming."""

from __future__ import annotations

import hashlib

_SEED_BITS = 62  # fits a signed 64-bit integer with room for `seed + sample`


def seed_of(*parts: str | int) -> int:
    """Derive a seed from a purpose, such as (run seed, iteration, problem id, turn).

    Equal parts give equal seeds on every machine; any other part gives an unrelated seed.
    """
    digest = hashlib.blake2b("\x1f".join(f"{type(part).__name__}:{part}" for part in parts).encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "big") >> (64 - _SEED_BITS)


def uniform(*parts: str | int) -> float:
    """Draw a number in [0, 1) by a stable key; see `seed_of`."""
    return float(seed_of(*parts) / 2**_SEED_BITS)

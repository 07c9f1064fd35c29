"""A staged file comes back unchanged, or not at all."""

import random
from pathlib import Path

from storage import staging
from tests.storage.samples import rollout, shard_rows


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [*shard_rows(0), rollout(answer=None, verdict=None, latency=0.1 + 0.2, response="")]
    staging.write(tmp_path / "a.parquet", rows)
    assert staging.read(tmp_path / "a.parquet") == rows
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_no_flipped_bit_or_cut_is_read_as_other_rows(tmp_path: Path) -> None:
    path, rows, moments = tmp_path / "a.parquet", shard_rows(0), random.Random(3)  # noqa: S311
    staging.write(path, rows)
    content = path.read_bytes()
    refused = 0
    for _ in range(300):
        changed = bytearray(content)
        bit = moments.randrange(8 * len(content))
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        read = staging.read(path)
        assert read is None or read == rows, f"bit {bit} makes other rows"
        refused += read is None
    assert refused > 100
    for _ in range(20):
        path.write_bytes(content[: moments.randrange(len(content))])
        assert staging.read(path) is None

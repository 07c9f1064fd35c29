"""What a context reads from disk is what was published there."""

from pathlib import Path

import pytest

from rise.core.errors import UserError
from tests.tasks.rehearsed import rehearsed


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors"])
def test_a_base_that_was_damaged_since_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with rehearsed(tmp_path) as context:
        path = tmp_path / context.checkpoint(0).path / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"{name} is not the file that was published: put a copy"):
            _ = context.tokenizer

"""A context opens checkpoints only with the files that were published."""

from pathlib import Path

import pytest

from rise_core.errors import UserError
from storage import checkpoints
from tests.tasks.rehearsed import RUN, rehearsed


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors"])
def test_a_base_that_was_damaged_since_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with rehearsed(tmp_path) as context:
        record = checkpoints.get(context.lake, RUN, 0)
        assert record is not None
        path = tmp_path / record.path / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"{name} is not the file that was published: put a copy"):
            _ = context.renderer

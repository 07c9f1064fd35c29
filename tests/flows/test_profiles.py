"""One whole iteration of the 7B profiles on small random-weight models of the same architecture and chat format."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import safe_open

from tests.flows.architectures import save_llama2, save_mistral
from tests.flows.command import finished, query

pytestmark = pytest.mark.run

SMALL = [
    "iterations=1", "model.dtype=float32", "collect.max_new_tokens=8", "collect.turns=[{n: 1}, {n: 2}]", "eval.turns=2",
    "eval.samples=2", "eval.bootstrap=100", "dialogue.window=2", "engine.gpus=0", "train.gpus=0", "verify.workers=1",
    "engine.max_model_len=256", "engine.max_num_seqs=16", "engine.kv_cache_gib=0.1", "train.row_tokens=256",
]  # fmt: skip


def write_problems(path: Path, numbers: range) -> str:
    rows = [{"question": f"What is {i} + 1?", "answer": f"It is one more.\n#### {i + 1}"} for i in numbers]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


@pytest.mark.parametrize(
    ("profile", "save", "adapter", "opening"),
    [
        ("llama2-7b-gsm8k", save_llama2, "none", "<s>[INST] What is"),
        ("mistral-7b-gsm8k", save_mistral, "lora", "<s>[INST] What is"),
    ],
)
def test_a_profile_runs_on_its_architecture(
    tmp_path: Path, profile: str, save: Callable[[Path], None], adapter: str, opening: str
) -> None:
    model, home = tmp_path / "model", tmp_path / "home"
    save(model)
    files = [
        f"problems.train={write_problems(tmp_path / 'train.jsonl', range(6))}",
        f"problems.eval={write_problems(tmp_path / 'eval.jsonl', range(10, 13))}",
    ]
    finished(home, "run", profile, f"model.name={model}", f"train.adapter={adapter}", *files, *SMALL, "--run", "small")

    kinds = query(home, "SELECT iteration, kind, base_id, checkpoint_id, path FROM checkpoints ORDER BY iteration")
    assert [row["kind"] for row in kinds] == ["full", "adapter" if adapter == "lora" else "full"]
    trained = home / kinds[1]["path"]
    if adapter == "lora":
        assert kinds[1]["base_id"] == kinds[0]["checkpoint_id"]
        with safe_open(trained / "adapter_model.safetensors", "pt") as weights:
            assert any(weights.get_tensor(name).abs().max() > 0 for name in weights.keys() if "lora_B" in name)  # noqa: SIM118
    else:
        assert (trained / "model.safetensors").read_bytes() != (model / "model.safetensors").read_bytes()

    rows = query(home, "SELECT purpose, turn, count(*) n FROM rollouts WHERE iteration = 1 GROUP BY ALL ORDER BY ALL")
    assert [(r["purpose"], r["turn"], r["n"]) for r in rows] == [
        ("collect", 1, 6), ("collect", 2, 12), ("eval_parallel", 1, 6), ("eval_sequential", 1, 3),
        ("eval_sequential", 2, 3),
    ]  # fmt: skip

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    states = query(home, "SELECT turn, state_ids, response_ids FROM examples ORDER BY problem_id, turn")
    assert states
    assert all(tokenizer.decode(row["state_ids"]).startswith(opening) for row in states)
    policies = query(home, "SELECT DISTINCT policy FROM rollouts WHERE iteration = 1 AND purpose <> 'collect'")
    assert policies == [{"policy": kinds[1]["checkpoint_id"]}]
